/** The dashboard section and the alarms of migrations and backups. */
import { Duration } from 'aws-cdk-lib';
import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { type JobKind, machineArn } from '../jobs/job-names.ts';
import type { AlarmDefinition } from './alarms.ts';
import { type DashboardSection, graph } from './dashboard.ts';
import { functionMetric, NAMESPACE } from './service-metrics.ts';

/** The age is measured each hour; one measurement may be missing. */
const AGE_PERIOD = Duration.hours(2);

const executions = (name: string, kind: JobKind, metricName: string): Metric =>
  new Metric({
    namespace: 'AWS/States',
    metricName,
    dimensionsMap: { StateMachineArn: machineArn(name, kind) },
    statistic: Stats.SUM,
    period: Duration.minutes(5),
    label: metricName.replace('Executions', ''),
  });

/** Hours since the newest good backup; ten years if there is none. */
const backupAge = (name: string): Metric =>
  new Metric({
    namespace: NAMESPACE,
    metricName: 'BackupAgeHours',
    dimensionsMap: { service: name },
    statistic: Stats.MAXIMUM,
    period: AGE_PERIOD,
    label: 'hours',
  });

const OUTCOMES = ['ExecutionsStarted', 'ExecutionsSucceeded', 'ExecutionsFailed', 'ExecutionsTimedOut'] as const;

/** Migrations and backups: their number, progress and outcomes. */
export const jobsSection = (name: string): DashboardSection => ({
  title: 'Migrations and backups',
  widgets: [
    graph(
      'Migrations',
      OUTCOMES.map((outcome) => executions(name, 'migration', outcome)),
    ),
    graph(
      'Tasks of migrations: calls (left), errors (right)',
      [functionMetric(`${name}-migration`, 'Invocations', 'Sum')],
      [functionMetric(`${name}-migration`, 'Errors', 'Sum')],
    ),
    graph(
      'Backups',
      OUTCOMES.map((outcome) => executions(name, 'backup', outcome)),
    ),
    graph(
      'Tasks of backups: calls (left), errors (right)',
      [functionMetric(`${name}-backup`, 'Invocations', 'Sum')],
      [functionMetric(`${name}-backup`, 'Errors', 'Sum')],
    ),
    graph('Age of the newest good backup, hours', [backupAge(name)]),
  ],
});

/** Alarms of migrations and backups. */
export function jobAlarms(name: string, { max_age_hours, schedule }: DeploymentConfig['backup']): AlarmDefinition[] {
  const ended = (kind: JobKind, how: 'Failed' | 'TimedOut', description: string): AlarmDefinition => ({
    id: `${kind}-${how === 'Failed' ? 'failed' : 'timed-out'}`,
    description,
    metric: executions(name, kind, `Executions${how}`),
    threshold: 1,
    periods: 1,
  });
  const age: AlarmDefinition = {
    id: 'backup-age',
    description: `There is no good backup younger than ${max_age_hours} hours, or its age was not measured. Check the executions of ${name}-backup.`,
    metric: backupAge(name),
    threshold: max_age_hours,
    periods: 1,
    missingIsBad: true,
  };
  return [
    ended(
      'migration',
      'Failed',
      'A migration has failed. Look up the cause with GET /v1/migrations, then redrive its execution.',
    ),
    ended('migration', 'TimedOut', 'A migration has not ended within a week. Check its execution, and redrive it.'),
    ended('backup', 'Failed', 'A backup has failed. Check its execution for the cause, then redrive it.'),
    ended('backup', 'TimedOut', 'A backup has not ended within a week. Check its execution, and redrive it.'),
    ...(schedule === 'none' ? [] : [age]),
  ];
}
