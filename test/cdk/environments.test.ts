/** Every shipped environment: what is deployed, whether AWS takes it, and whether it is safe. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, jest, test } from '@jest/globals';
import { App, Validations } from 'aws-cdk-lib';
import { environments } from '../../lib/cdk/environment/environment-file.ts';
import type { Config } from '../../lib/config/configuration.ts';
import {
  appOf,
  CONFIG_FOLDER,
  configured,
  environment,
  lint,
  shipped,
  synthesized,
  templateFiles,
  templatesIn,
} from './synthesized.ts';

afterEach(() => {
  jest.restoreAllMocks();
});

/** Templates of all tests here, for one run of cfn-lint: each run reads the schemas of all resources. */
const toLint: string[] = [];

test('the shipped environments are these', () => {
  expect(environments(CONFIG_FOLDER)).toEqual([...shipped]);
});

describe.each(shipped)('%s', (name) => {
  test('breaks no rule of AwsSolutions, and is as it was', () => {
    const folder = synthesized(environment(name));
    const report = JSON.parse(readFileSync(join(folder, 'validation-report.json'), 'utf8'));
    expect(report.pluginReports.flatMap(({ violations }: { violations: unknown[] }) => violations)).toEqual([]);
    toLint.push(...templateFiles(folder));
    expect(templatesIn(folder)).toMatchSnapshot();
  });

  test('has a reason for each rule that it does not follow, and no reason for others', () => {
    const acknowledged = new Map<string, string>();
    const prototype = Object.getPrototypeOf(Validations.of(new App()));
    jest.spyOn(prototype, 'acknowledge').mockImplementation((...rules: unknown[]) => {
      for (const { id, reason } of rules as { id: string; reason: string }[]) acknowledged.set(id, reason);
    });
    const app = appOf(environment(name));
    jest.spyOn(console, 'error').mockImplementation(() => {});
    jest.spyOn(process.stderr, 'write').mockImplementation(() => true);
    expect(() => app.synth()).toThrow('validation-report.json');
    const report = JSON.parse(readFileSync(join(app.outdir, 'validation-report.json'), 'utf8'));
    const broken = report.pluginReports.flatMap(({ violations }: { violations: { ruleName: string }[] }) =>
      violations.map(({ ruleName }) => ruleName),
    );
    // CDK itself acknowledges rules of another set.
    const ours = [...acknowledged.keys()].filter((id) => id.startsWith('AwsSolutions-'));
    expect(ours.toSorted()).toEqual(broken.toSorted());
    for (const reason of acknowledged.values()) expect(reason.length).toBeGreaterThan(30);
  });
});

const certificate_arn = 'arn:aws:acm:eu-central-1:123456789012:certificate/11111111-2222-3333-4444-555555555555';
const truststore = 's3://truststores/ca.pem';
const key_arn = 'arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555';
const vpc = { id: 'vpc-0123abcd', subnet_ids: ['subnet-0123abcd', 'subnet-4567abcd'] };

// What the shipped environments do not have.
test.each<[string, object]>([
  [
    'a private API',
    { api: { endpoint: 'private', vpc_endpoint_ids: ['vpce-0123abcd'], allowed_networks: ['10.0.0.0/8'] } },
  ],
  [
    'mutual TLS',
    { api: { authorization: 'none', custom_domain: { name: 'api.example.com', certificate_arn, truststore } } },
  ],
  [
    'replicas with keys',
    {
      deployment: {
        region: 'eu-central-1',
        account: '123456789012',
        customer_managed_key: true,
        replicas: [{ region: 'eu-west-1', key_arn }],
      },
    },
  ],
  [
    'as little as possible',
    { deployment: { point_in_time_recovery: false }, api: { tracing: false, account_log_role: false } },
  ],
  [
    'a database of one zone in a VPC that exists',
    {
      storage: environment('sql').storage,
      deployment: { vpc, deletion_protection: false, rds: { multi_az: false } },
    },
  ],
])('%s breaks no rule', (_, parts) => {
  const config = { ...configured({ storage: { strategy: 'dynamodb' } }), ...parsed(parts) };
  toLint.push(...templateFiles(synthesized(config)));
});

test('all of these templates pass cfn-lint', () => {
  expect(toLint.length).toBeGreaterThan(5 * shipped.length);
  expect(lint(toLint)).toBe('');
});

/** Sections of a configuration, complete; the storage as it is. */
function parsed({ storage, ...sections }: { storage?: Config['storage'] } & object): Partial<Config> {
  const { api, deployment } = configured({ storage: { strategy: 'dynamodb' }, ...sections });
  return {
    ...(storage !== undefined && { storage }),
    ...(api !== undefined && { api }),
    ...(deployment !== undefined && { deployment }),
  };
}
