import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { NAMESPACE } from '../../../lib/cdk/monitoring/service-metrics.ts';
import { environment, templatesOf } from '../synthesized.ts';

const templateOf = await templatesOf('prod', 'sql', 'dax', 'json', 'other-numbers');

const alarmsOf = (template: Template) =>
  Object.values(template.findResources('AWS::CloudWatch::Alarm')).map(({ Properties }) => Properties);

const API_ALARMS = ['failures', 'latency', 'store-throttling', 'conflicts'];
const JOB_ALARMS = [
  ...['migration', 'backup'].flatMap((kind) => [`${kind}-failed`, `${kind}-timed-out`]),
  'backup-age',
];

describe('alarms', () => {
  test.each<['prod' | 'sql' | 'dax' | 'json', string[]]>([
    ['prod', ['hostfactory_machines-read-throttling', 'hostfactory_templates-write-throttling']],
    ['sql', ['database-processor', 'database-storage', 'database-memory']],
    ['dax', ['dax-processor']],
    ['json', []],
  ])('of %s notify the topic, and say what to do', (name, ofStore) => {
    const template = templateOf(name, 'monitoring');
    const alarms = alarmsOf(template);
    const prefix = `${environment(name).deployment?.name}-`;
    const names = alarms.map(({ AlarmName }) => AlarmName.slice(prefix.length));
    expect(names).toEqual(expect.arrayContaining([...API_ALARMS, ...JOB_ALARMS, ...ofStore]));
    const [topic = ''] = Object.keys(template.findResources('AWS::SNS::Topic'));
    for (const { AlarmName, AlarmActions, OKActions, AlarmDescription, TreatMissingData } of alarms) {
      expect([AlarmActions, OKActions]).toEqual([[{ Ref: topic }], [{ Ref: topic }]]);
      expect(AlarmDescription).toMatch(/\. (Check|Look|Raise|Use) /);
      // If the age of backups is not measured, it may have any value.
      const silenceIsBad = AlarmName.endsWith('-backup-age');
      expect([AlarmName, TreatMissingData]).toEqual([AlarmName, silenceIsBad ? 'breaching' : 'notBreaching']);
    }
  });

  test('are all in the deployment guide', () => {
    const guide = readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', 'deployment.md'), 'utf8');
    const names = (['prod', 'sql', 'dax'] as const).flatMap((name) =>
      alarmsOf(templateOf(name, 'monitoring')).map(({ AlarmName }) =>
        (AlarmName as string)
          .slice(`${environment(name).deployment?.name}-`.length)
          .replace(/^hostfactory.*_(templates|requests|machines)-/, 'TABLE-'),
      ),
    );
    for (const name of new Set(names)) expect(guide).toContain(`| \`${name}\` |`);
  });

  test('go to the configured e-mail addresses, over TLS', () => {
    const template = templateOf('prod', 'monitoring');
    template.hasResourceProperties('AWS::SNS::Subscription', {
      Protocol: 'email',
      Endpoint: 'hostfactory-operators@example.com',
    });
    template.hasResourceProperties('AWS::SNS::TopicPolicy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Bool: { 'aws:SecureTransport': 'false' } } }),
          Match.objectLike({
            Effect: 'Allow',
            Action: 'sns:Publish',
            Principal: { Service: 'cloudwatch.amazonaws.com' },
          }),
        ]),
      },
    });
  });

  test('go to an existing topic if one is configured', () => {
    const topic_arn = 'arn:aws:sns:eu-central-1:123456789012:operators';
    const template = templateOf('other-numbers', 'monitoring');
    template.resourceCountIs('AWS::SNS::Topic', 0);
    template.allResourcesProperties('AWS::CloudWatch::Alarm', { AlarmActions: [topic_arn] });
  });
});

test('the dashboard has the metrics that the functions write', () => {
  const template = templateOf('prod', 'monitoring');
  const [dashboard] = Object.values(template.findResources('AWS::CloudWatch::Dashboard'));
  const body = JSON.stringify(dashboard?.Properties.DashboardBody);
  for (const name of [
    'Calls',
    'Conflicts',
    'Throttles',
    'Failures',
    'Problems',
    'BackupAgeHours',
    'ExecutionsStarted',
  ]) {
    expect(body).toContain(name);
  }
  for (const statistic of ['p50', 'p99']) expect(body).toContain(statistic);
  expect(body).toContain(NAMESPACE);
  const functions = Object.values(templateOf('prod', 'api').findResources('AWS::Lambda::Function'));
  for (const { Properties } of functions) {
    expect(Properties.Environment.Variables).toMatchObject({
      POWERTOOLS_METRICS_NAMESPACE: NAMESPACE,
      POWERTOOLS_SERVICE_NAME: 'hostfactory',
    });
  }
});
