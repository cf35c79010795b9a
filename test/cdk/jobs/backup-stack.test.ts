/** Backups: schedules, storage and monitoring. */
import { expect, test } from '@jest/globals';
import { Match } from 'aws-cdk-lib/assertions';
import { shipped } from '../assembly-folder.ts';
import { definitionIn, faultsOf, statesOf } from '../state-machines.ts';
import { templatesOf } from '../synthesized.ts';

const templateOf = await templatesOf(...shipped, 'as-little-as-possible', 'other-numbers');

test.each(shipped)('the state machine of %s is valid', (name) => {
  const definition = definitionIn(templateOf(name, 'backup'));
  expect(faultsOf(definition)).toBe('');
  expect([...statesOf(definition).keys()]).toEqual([
    ...['TakeTurn', 'IsItsTurn', 'WaitForTurn', 'WhatIsNext', 'ChoosePhase'],
    ...['BackUp', 'BackUpUnit', 'BackUpUnitIsDone', 'BackUpUnitEnds'],
    ...['BackUpMoment', 'BackUpMomentUnit', 'BackUpMomentUnitIsDone', 'BackUpMomentUnitEnds'],
    ...['Last', 'Done', 'ReportFailure'],
  ]);
});

test('backups are taken, tested and measured on schedules', () => {
  const template = templateOf('prod', 'backup');
  const expressions = Object.values(template.findResources('AWS::Scheduler::Schedule')).map(({ Properties }) => [
    Properties.ScheduleExpression,
    Properties.ScheduleExpressionTimezone,
  ]);
  expect(expressions.sort()).toEqual([
    ['cron(0 2 * * ? *)', 'Europe/Berlin'],
    ['cron(0 5 ? * SUN *)', 'Europe/Berlin'],
    ['rate(1 hour)', 'UTC'],
  ]);
});

test('disabled schedules do not exist, and no alarm waits for their backups', () => {
  const name = 'as-little-as-possible';
  templateOf(name, 'backup').resourceCountIs('AWS::Scheduler::Schedule', 1);
  const alarms = Object.values(templateOf(name, 'monitoring').findResources('AWS::CloudWatch::Alarm'));
  expect(alarms.map(({ Properties }) => Properties.AlarmName)).not.toContain('hostfactory-backup-age');
});

test('the alarm goes off if there is no recent backup, or if its age was not measured', () => {
  templateOf('other-numbers', 'monitoring').hasResourceProperties('AWS::CloudWatch::Alarm', {
    AlarmName: 'hostfactory-backup-age',
    Metrics: [
      Match.objectLike({
        MetricStat: Match.objectLike({ Metric: Match.objectLike({ MetricName: 'BackupAgeHours' }) }),
      }),
    ],
    Threshold: 50,
    TreatMissingData: 'breaching',
  });
});

test('the restore test has storage for its database, and Lambda itself reports its failure', () => {
  const template = templateOf('other-numbers', 'backup');
  template.hasResourceProperties('AWS::Lambda::Function', { EphemeralStorage: { Size: 4096 }, Timeout: 900 });
  template.hasResourceProperties('AWS::Lambda::EventInvokeConfig', {
    MaximumRetryAttempts: 0,
    DestinationConfig: { OnFailure: { Destination: Match.anyValue() } },
  });
});

// Its configuration contains the location explicitly.
test('backups go into the bucket of the deployment, also if the configuration names it', () => {
  for (const name of ['prod', 'other-numbers'] as const) {
    const policies = JSON.stringify(templateOf(name, 'backup').findResources('AWS::IAM::Policy'));
    expect(policies).toMatch(/ExportsOutputFnGetAttBackupBucket\S{0,60}\/backups\/\*/);
  }
});

test('the bucket outlives the stack, is private, encrypted and versioned, and locks versions if configured', () => {
  const template = templateOf('prod', 'data');
  template.hasResource('AWS::S3::Bucket', {
    DeletionPolicy: 'Retain',
    UpdateReplacePolicy: 'Retain',
    Properties: Match.objectLike({
      VersioningConfiguration: { Status: 'Enabled' },
      ObjectLockEnabled: true,
      ObjectLockConfiguration: {
        ObjectLockEnabled: 'Enabled',
        Rule: { DefaultRetention: { Days: 30, Mode: 'GOVERNANCE' } },
      },
      PublicAccessBlockConfiguration: {
        BlockPublicAcls: true,
        BlockPublicPolicy: true,
        IgnorePublicAcls: true,
        RestrictPublicBuckets: true,
      },
      LifecycleConfiguration: {
        Rules: Match.arrayWith([
          Match.objectLike({ NoncurrentVersionExpiration: { NoncurrentDays: 30 } }),
          Match.objectLike({ ExpiredObjectDeleteMarker: true }),
          Match.objectLike({ AbortIncompleteMultipartUpload: { DaysAfterInitiation: 1 } }),
          Match.objectLike({
            Prefix: 'backups/',
            Transitions: [{ StorageClass: 'GLACIER_IR', TransitionInDays: 90 }],
          }),
        ]),
      },
    }),
  });
  const plain = templateOf('dev', 'data').findResources('AWS::S3::Bucket');
  expect(plain.BackupBucket?.Properties).not.toHaveProperty('ObjectLockConfiguration');
});

test('AWS Backup keeps backups as configured, in a vault that outlives the stack', () => {
  const template = templateOf('prod', 'backup');
  template.hasResource('AWS::Backup::BackupVault', {
    DeletionPolicy: 'Retain',
    Properties: Match.objectLike({
      EncryptionKeyArn: Match.anyValue(),
      LockConfiguration: { MinRetentionDays: 35 },
    }),
  });
  template.hasResourceProperties('AWS::Backup::BackupPlan', {
    BackupPlan: {
      BackupPlanRule: [
        Match.objectLike({ ScheduleExpression: 'cron(0 3 * * ? *)', Lifecycle: { DeleteAfterDays: 35 } }),
      ],
    },
  });
  const [selection] = Object.values(template.findResources('AWS::Backup::BackupSelection'));
  expect(JSON.stringify(selection?.Properties.BackupSelection.Resources)).toMatch(
    /hostfactory_templates.*hostfactory_requests.*hostfactory_machines/,
  );
  templateOf('sql', 'backup').resourceCountIs('AWS::Backup::BackupSelection', 1);
  templateOf('dev', 'backup').resourceCountIs('AWS::Backup::BackupPlan', 0);
});
