/** Unused grants of roles. */
import { fits, type Grant, type Permission, policiesOf } from '../deployed/iam-policies.ts';
import type { DeployedJobs } from './deployed-jobs.ts';

/** Grants that these tests cannot use, with reasons, by function and action. */
const UNSEEN: readonly (readonly [name: RegExp, grant: RegExp, reason: string])[] = [
  [/./, /^logs:/, 'Lambda writes logs'],
  [/./, /^xray:/, 'Lambda sends traces'],
  [/./, /^kms:/, 'the services that hold what is encrypted use the key'],
  [/./, /^s3:ListBucket/, 'S3 says of an object that it is missing only to those who may list'],
  [/taketurn/, /PutObject.*state/, 'a schedule has ordered the migration'],
  [/reportfailure/, /./, 'redrive.test.ts has failures'],
  [/migrationbackup(?!moment)/, /./, 'a store that shows no moment is backed up'],
  [/migrationexamine/, /BatchGetItem|GetItem/, 'of a page differs one entity, or several'],
  [/migrationexamine/, /Query/, 'a template or request is too much, and nothing may refer to it'],
  [/migrationexamine/, /(PutItem|DeleteItem|Scan).*_(templates|requests)$/, 'only machines differ in these tests'],
  [/migrationcleanup/, /:GetItem/, 'the last page has one entity'],
  [/migrationnext/, /DeleteObject/, 'what was left of a backup is removed'],
  [/testrestore/, /sns:Publish/, 'Lambda itself tells of a failure'],
];

/** DeleteObjects is recorded as a permission on the whole bucket. */
const uses = (grant: Grant, { action, resource }: Permission): boolean =>
  action === grant.action &&
  (fits(grant.resource, resource) ||
    (action === 's3:DeleteObject' && resource.endsWith('/*') && grant.resource.startsWith(resource.slice(0, -1))));

/** Grants of functions, by name, that no call has used and that have no reason. */
export function unusedGrants({ stacks, functions, aws }: DeployedJobs, called: RegExp): string[] {
  return functions
    .filter(({ name }) => called.test(name))
    .flatMap((each) => {
      const { logicalId } = stacks.resources.find(({ arn }) => arn === each.arn) as { logicalId: string };
      const used = aws.used.filter(({ caller }) => caller === logicalId);
      return policiesOf(stacks, stacks.find(each.role))
        .grants.filter(
          ({ action, resource }) =>
            !used.some((one) => uses({ action, resource }, one)) &&
            !UNSEEN.some(([name, what]) => name.test(each.name.toLowerCase()) && what.test(`${action} ${resource}`)),
        )
        .map(({ action, resource }) => `${each.name}: ${action} on ${resource}`);
    });
}
