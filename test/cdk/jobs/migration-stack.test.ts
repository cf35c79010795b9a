/** The state machine of migrations: its definition, and the permissions on both stores. */
import { expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { shipped } from '../assembly-folder.ts';
import { definitionIn, faultsOf, statesOf } from '../state-machines.ts';
import { templatesOf } from '../synthesized.ts';

const templateOf = await templatesOf(
  ...shipped,
  ...(['other-numbers', 'from-bucket', 'to-bucket', 'from-and-to-bucket', 'from-tables-elsewhere'] as const),
  ...(['from-database-by-password', 'from-database-by-iam'] as const),
);

/** Statements of the role of a task's function. */
function allowedTo(template: Template, task: string): { Action: unknown; Resource: unknown }[] {
  const policies = Object.entries(template.findResources('AWS::IAM::Policy'));
  return policies
    .filter(([id]) => id.startsWith(`Tasks${task}Role`))
    .flatMap(([, { Properties }]) => Properties.PolicyDocument.Statement);
}

test.each(shipped)('of %s is valid, with JSONPath only', (name) => {
  const definition = definitionIn(templateOf(name, 'migration'));
  expect(faultsOf(definition)).toBe('');
  expect(JSON.stringify(definition)).not.toMatch(/QueryLanguage|ItemBatcher|"Arguments"/);
});

test('every task is retried with increasing, random pauses, except after permanent errors, and every failure is reported', () => {
  const states = statesOf(definitionIn(templateOf('prod', 'migration')));
  const tasks = [...states].filter(([, { Type }]) => Type === 'Task');
  // Taking a turn, what is next, seven phases, the last task, and what reports a failure.
  expect(tasks).toHaveLength(11);
  for (const [name, { Retry, Catch, TimeoutSeconds }] of tasks) {
    expect([name, Retry]).toEqual([
      name,
      [
        { ErrorEquals: ['JobFailedError', 'MigrationError', 'ConfigurationError', 'ValidationError'], MaxAttempts: 0 },
        expect.objectContaining({
          ErrorEquals: ['States.ALL'],
          MaxAttempts: 5,
          BackoffRate: 2,
          JitterStrategy: 'FULL',
        }),
      ],
    ]);
    // Longer than the function itself may take.
    expect(TimeoutSeconds).toBeGreaterThan(900);
    // Units fail their Map, and ReportFailure the execution.
    const reported = !name.endsWith('Unit') && name !== 'ReportFailure';
    expect([name, Catch !== undefined]).toEqual([name, reported]);
  }
  const catchers = [...states].flatMap(([, { Catch }]) => (Catch === undefined ? [] : [Catch]));
  expect(catchers).toHaveLength(10);
  for (const catcher of catchers) {
    expect(catcher).toEqual([{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: 'ReportFailure' }]);
  }
});

test('units run in distributed Maps, with the configured concurrency, and leave nothing in the state', () => {
  const states = statesOf(definitionIn(templateOf('other-numbers', 'migration')));
  const maps = [...states].filter(([, { Type }]) => Type === 'Map');
  expect(maps.map(([name]) => name)).toEqual([
    ...['Check', 'BackUp', 'BackUpMoment', 'Copy', 'Digest', 'Examine', 'CleanUp'],
  ]);
  for (const [, map] of maps) {
    expect(map).toMatchObject({
      MaxConcurrency: 9,
      ResultPath: null,
      ItemProcessor: { ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' } },
    });
  }
});

test('it logs no data, is traced, and may only call its functions and its own Maps', () => {
  const template = templateOf('prod', 'migration');
  template.hasResourceProperties('AWS::StepFunctions::StateMachine', {
    StateMachineName: 'hostfactory-migration',
    LoggingConfiguration: Match.objectLike({ IncludeExecutionData: false }),
    TracingConfiguration: { Enabled: true },
  });
  const [policy] = Object.entries(template.findResources('AWS::IAM::Policy')).filter(([id]) =>
    id.startsWith('Machine'),
  );
  const statements = policy?.[1].Properties.PolicyDocument.Statement as { Action: string[] }[];
  expect(new Set(statements.flatMap(({ Action }) => Action))).toEqual(
    new Set([
      'lambda:InvokeFunction',
      ...['StartExecution', 'DescribeExecution', 'StopExecution', 'RedriveExecution'].map((name) => `states:${name}`),
      ...['PutTraceSegments', 'PutTelemetryRecords', 'GetSamplingRules', 'GetSamplingTargets'].map(
        (name) => `xray:${name}`,
      ),
      ...['CreateLogDelivery', 'GetLogDelivery', 'UpdateLogDelivery', 'DeleteLogDelivery', 'ListLogDeliveries'].map(
        (name) => `logs:${name}`,
      ),
      ...['PutResourcePolicy', 'DescribeResourcePolicies', 'DescribeLogGroups'].map((name) => `logs:${name}`),
    ]),
  );
});

test('a source is read, and a target written', () => {
  const asSource = templateOf('from-bucket', 'migration');
  const copying = JSON.stringify(allowedTo(asSource, 'migrationcopy'));
  expect(copying).toContain('old-bucket/files/*');
  expect(copying).toContain('dynamodb:PutItem');
  expect(copying).not.toContain('dynamodb:Scan');
  const bucketOfOld = allowedTo(asSource, 'migrationcopy').filter(({ Resource }) =>
    JSON.stringify(Resource).includes('old-bucket/files'),
  );
  expect(bucketOfOld).toMatchObject([{ Action: 's3:GetObject' }]);

  const asTarget = templateOf('to-bucket', 'migration');
  const reversed = JSON.stringify(allowedTo(asTarget, 'migrationcopy'));
  expect(reversed).toContain('dynamodb:Scan');
  expect(reversed).not.toContain('dynamodb:PutItem');

  const both = JSON.stringify(allowedTo(templateOf('from-and-to-bucket', 'migration'), 'migrationcopy'));
  expect(both).toContain('dynamodb:Scan');
  expect(both).toContain('dynamodb:PutItem');
});

test('without another store the functions may access none', () => {
  const template = templateOf('prod', 'migration');
  const all = JSON.stringify(template.findResources('AWS::IAM::Policy'));
  expect(all).not.toContain('dynamodb:');
});

test('a schedule starts a migration in the right direction, with a generated id', () => {
  const template = templateOf('from-bucket', 'migration');
  const [found] = Object.values(template.findResources('AWS::Scheduler::Schedule'));
  expect(found?.Properties).toMatchObject({
    ScheduleExpression: 'rate(6 hours)',
    ScheduleExpressionTimezone: 'Europe/Berlin',
  });
  const input = JSON.stringify(found?.Properties.Target.Input).replaceAll('\\', '');
  expect(input).toContain('"migration_id":"scheduled-migration-<aws.scheduler.execution-id>"');
  expect(input).toContain('"source_type":"json","source_config":"old-store.json","target_type":"dynamodb"');
  expect(input).toContain('"merge":true,"delete_extra":true');
});

test.each([
  ['from-tables-elsewhere', 'dynamodb:eu-west-1'],
  ['from-database-by-password', 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:old-AbCdEf'],
  ['from-database-by-iam', 'dbuser:*/reader'],
] as const)('%s: the functions that copy may reach the other store', (name, mark) => {
  const template = templateOf(name, 'migration');
  expect(JSON.stringify(allowedTo(template, 'migrationcopy'))).toContain(mark);
  // Where there may be no way to SNS, nobody is told anything.
  for (const { Properties } of Object.values(template.findResources('AWS::Lambda::Function'))) {
    const { Variables } = Properties.Environment;
    expect('HFSTORAGE_TOPIC_ARN' in Variables && 'VpcConfig' in Properties).toBe(false);
  }
});
