/** The functions of the deployed API: how they run, and what each may do. */
import { describe, expect, test } from '@jest/globals';
import { Match } from 'aws-cdk-lib/assertions';
import { needsOf } from '../../../lib/cdk/functions/store-permissions.ts';
import { jobOperations } from '../../../lib/cdk/jobs/job-access.ts';
import { type Operation, routes } from '../../../lib/service/http/routes.ts';
import { shipped } from '../assembly-folder.ts';
import { environment, templatesOf } from '../synthesized.ts';
import { allowances, ofType, operationOf } from './api-template.ts';

const templateOf = await templatesOf(...shipped, ...(['as-little-as-possible', 'other-numbers'] as const));

describe('functions', () => {
  test('run Node 24 on arm64, with limited log retention, and find their configuration', () => {
    const template = templateOf('prod', 'api');
    const functions = ofType(template, 'AWS::Lambda::Function');
    expect(functions.map(([, properties]) => operationOf(properties)).toSorted()).toEqual(
      [...new Set(routes.map(({ operation }) => operation))].toSorted(),
    );
    for (const [, properties] of functions) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        MemorySize: 1024,
        Timeout: 28,
        TracingConfig: { Mode: 'Active' },
        Environment: { Variables: { HFSTORAGE_CONFIG: 'config.json', POWERTOOLS_SERVICE_NAME: 'hostfactory' } },
      });
      expect(properties.ReservedConcurrentExecutions).toBeUndefined();
    }
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 365 });
  });

  test('have their reserved concurrency', () => {
    const template = templateOf('other-numbers', 'api');
    template.allResourcesProperties('AWS::Lambda::Function', { ReservedConcurrentExecutions: 7 });
  });

  test('have only the DynamoDB permissions that their operation needs', () => {
    const allowed = allowances(templateOf('dev', 'api'));
    const tables = Object.fromEntries(
      [...allowed].map(([operation, byResource]) => [
        operation,
        Object.fromEntries(
          [...byResource]
            .filter(([resource]) => resource.startsWith('hostfactory_'))
            .map(([resource, actions]) => [resource, actions.map((action) => action.replace('dynamodb:', ''))]),
        ),
      ]),
    );
    expect(tables).toMatchSnapshot();
    for (const [operation, byResource] of allowed) {
      const others = [...byResource.keys()].filter((resource) => !resource.startsWith('hostfactory_'));
      const ofJobs = ['"*"', 'Log', expect.stringContaining('BackupBucket'), expect.stringContaining(':states:')];
      const expected = jobOperations.includes(operation) ? expect.arrayContaining(ofJobs) : ['"*"', 'Log'];
      expect([operation, others.toSorted()]).toEqual([operation, expected]);
      expect(byResource.get('"*"')).toEqual(['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
    }
    expect(tables['get-entity']).toEqual({
      hostfactory_templates: ['GetItem'],
      hostfactory_requests: ['GetItem'],
      hostfactory_machines: ['GetItem'],
    });
    expect(tables['get-openapi']).toEqual({});
  });

  test('with references off may not check parents or query children', () => {
    const allowed = allowances(templateOf('as-little-as-possible', 'api'));
    const actionsOf = (operation: Operation) => [...(allowed.get(operation)?.values() ?? [])].flat();
    expect(actionsOf('create-entity')).toContain('dynamodb:PutItem');
    expect(actionsOf('create-entity')).not.toContain('dynamodb:ConditionCheckItem');
    expect(actionsOf('delete-entity')).not.toContain('dynamodb:Query');
  });

  test('that read on S3 may not write', () => {
    const allowed = allowances(templateOf('json', 'api'));
    const actionsOf = (operation: Operation) => [...(allowed.get(operation)?.values() ?? [])].flat();
    expect(actionsOf('get-entity')).not.toContain('s3:PutObject');
    expect(actionsOf('save-entity')).toContain('s3:PutObject');
    expect(actionsOf('get-openapi').some((action) => action.startsWith('s3:'))).toBe(false);
  });

  test('on PostgreSQL may only connect as the one user, from inside the VPC, and may not touch network interfaces', () => {
    const template = templateOf('sql', 'api');
    const policies = JSON.stringify(ofType(template, 'AWS::IAM::Policy'));
    expect(policies).toContain('rds-db:connect');
    expect(policies).toContain('/hostfactory_user');
    const inVpc = ofType(template, 'AWS::Lambda::Function').filter(([, { VpcConfig }]) => VpcConfig !== undefined);
    const operations = new Set(routes.map(({ operation }) => operation));
    const inNeed = [...operations].filter((operation) => needsOf(operation, environment('sql').storage) !== undefined);
    expect(inVpc.map(([, properties]) => operationOf(properties)).toSorted()).toEqual(inNeed.toSorted());
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Null: { 'lambda:SourceFunctionArn': 'false' } } }),
        ]),
      },
    });
  });

  test('of jobs may start and follow executions of one state machine, and access its part of the bucket', () => {
    const allowed = allowances(templateOf('prod', 'api'));
    const of = (operation: Operation, part: string) =>
      [...(allowed.get(operation) ?? [])]
        .filter(([resource]) => resource.includes(part))
        .flatMap(([, actions]) => actions);
    for (const [operation, machine, prefix, actions] of [
      ['start-migration', 'hostfactory-migration', '/state/*', ['s3:GetObject', 's3:PutObject']],
      ['get-migration', 'hostfactory-migration', '/state/*', ['s3:GetObject']],
      ['list-migrations', 'hostfactory-migration', '/state/*', ['s3:GetObject']],
      ['start-backup', 'hostfactory-backup', '/backups/*', ['s3:GetObject']],
      ['start-backup', 'hostfactory-backup', '/state/*', ['s3:GetObject', 's3:PutObject']],
      ['list-backups', 'hostfactory-backup', '/backups/*', ['s3:GetObject']],
      ['list-backups', 'hostfactory-backup', '/state/*', ['s3:GetObject']],
    ] as const) {
      expect([operation, of(operation, prefix)]).toEqual([operation, actions]);
      const starts = operation.startsWith('start') ? ['states:StartExecution'] : [];
      expect([operation, of(operation, `:execution:${machine}:*`)]).toEqual([operation, ['states:DescribeExecution']]);
      expect([operation, of(operation, `:stateMachine:${machine}`)]).toEqual([operation, starts]);
    }
  });

  test('behind DAX may access the cluster, but no table', () => {
    const allowed = allowances(templateOf('dax', 'api'));
    const actionsOf = (operation: Operation) =>
      [...(allowed.get(operation)?.values() ?? [])].flat().filter((action) => /^(dax|dynamodb):/.test(action));
    expect(actionsOf('get-entity')).toEqual(['dax:GetItem']);
    expect(actionsOf('create-entity')).toEqual(['dax:ConditionCheckItem', 'dax:GetItem', 'dax:PutItem']);
  });

  test.each(shipped)(
    'of %s have no wildcards except for X-Ray, network interfaces, the objects of a prefix and executions',
    (name) => {
      for (const [operation, byResource] of allowances(templateOf(name, 'api'))) {
        const wild = [...byResource.keys()].filter((resource) => resource.includes('*'));
        for (const resource of wild)
          expect([operation, resource]).toEqual([
            operation,
            expect.stringMatching(/^"\*"$|\/(store|state|backups)\/\*|:execution:[a-z-]+:\*/),
          ]);
        const everywhere = byResource.get('"*"') ?? [];
        expect(
          everywhere.filter(
            (action) => !/^(xray:Put|ec2:\w+(Address|Interface|Subnet)s?|ec2:\w+PrivateIpAddresses)/.test(action),
          ),
        ).toEqual([]);
      }
    },
  );
});
