/** Alarms for operators. docs/deployment.md says what to do about each. */
import { Alarm, ComparisonOperator, type IMetric, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { SnsAction } from 'aws-cdk-lib/aws-cloudwatch-actions';
import type { ITopic } from 'aws-cdk-lib/aws-sns';
import type { Construct } from 'constructs';
import type { DataStack } from '../data/data-stack.ts';
import { cacheMetric, databaseMetric, gatewayMetric, serviceCount, tableMetric } from './service-metrics.ts';

export interface AlarmDefinition {
  /** Part of the alarm's name. */
  readonly id: string;
  /** What happened, and what to check. */
  readonly description: string;
  readonly metric: IMetric;
  readonly threshold: number;
  /** Whether the alarm goes off below the threshold instead of above it. */
  readonly below?: true;
  /** Consecutive periods of 5 minutes. */
  readonly periods: number;
  /** Whether missing data triggers the alarm. */
  readonly missingIsBad?: true;
}

const GIGABYTE = 1_000_000_000;

/** Alarms of the API. */
export const apiAlarms = (name: string): AlarmDefinition[] => [
  {
    id: 'failures',
    description:
      'Calls are answered with 5xx. Check the problems by code on the dashboard, then the log of the function.',
    metric: gatewayMetric(name, '5XXError', 'Sum'),
    threshold: 5,
    periods: 2,
  },
  {
    id: 'latency',
    description: 'One call in a hundred takes more than 5 s. Check throttling and the store on the dashboard.',
    metric: gatewayMetric(name, 'Latency', 'p99'),
    threshold: 5000,
    periods: 3,
  },
  {
    id: 'store-throttling',
    description: 'The store refuses calls because there are too many. Raise its capacity, or spread the load.',
    metric: serviceCount(name, 'Throttles'),
    threshold: 10,
    periods: 1,
  },
  {
    id: 'conflicts',
    description:
      'Many writes conflict with versions written by others. Look for two callers that change the same entities.',
    metric: serviceCount(name, 'Conflicts'),
    threshold: 500,
    periods: 3,
  },
];

/** Alarms of the store in use. */
export function storeAlarms({ tables, cache, database }: DataStack): AlarmDefinition[] {
  const ofTables = (tables?.tableNames ?? []).flatMap((table) =>
    (['Read', 'Write'] as const).map((kind) => ({
      id: `${table}-${kind.toLowerCase()}-throttling`,
      description: `DynamoDB throttles ${kind.toLowerCase()}s of ${table}. Look for a hot key, or raise auto_scaling.max_${kind.toLowerCase()}_capacity.`,
      metric: tableMetric(table, `${kind}ThrottleEvents`),
      threshold: 50,
      periods: 2,
    })),
  );
  const ofCache =
    cache === undefined
      ? []
      : [
          {
            id: 'dax-processor',
            description: 'The nodes of the DAX cluster are busy. Use a larger deployment.dax.node_type, or more nodes.',
            metric: cacheMetric(cache.clusterName, 'CPUUtilization', 'Average'),
            threshold: 80,
            periods: 3,
          },
        ];
  if (database === undefined) return [...ofTables, ...ofCache];
  const { instanceIdentifier } = database.instance;
  return [
    {
      id: 'database-processor',
      description: 'The database is busy. Check Performance Insights, or use a larger deployment.rds.instance_class.',
      metric: databaseMetric(instanceIdentifier, 'CPUUtilization'),
      threshold: 80,
      periods: 3,
    },
    {
      id: 'database-storage',
      description: 'The database has less than 5 GB left. Raise deployment.rds.max_storage_gb.',
      metric: databaseMetric(instanceIdentifier, 'FreeStorageSpace', 'Minimum'),
      threshold: 5 * GIGABYTE,
      below: true,
      periods: 1,
    },
    {
      id: 'database-memory',
      description: 'The database has less than 200 MB of memory left. Use a larger deployment.rds.instance_class.',
      metric: databaseMetric(instanceIdentifier, 'FreeableMemory', 'Minimum'),
      threshold: GIGABYTE / 5,
      below: true,
      periods: 3,
    },
  ];
}

/** Creates alarms that notify a topic when they go off and when they recover. */
export function addAlarms(
  scope: Construct,
  name: string,
  topic: ITopic,
  definitions: readonly AlarmDefinition[],
): void {
  const action = new SnsAction(topic);
  for (const { id, description, metric, threshold, below, periods, missingIsBad } of definitions) {
    const alarm = new Alarm(scope, `Alarm-${id}`, {
      alarmName: `${name}-${id}`,
      alarmDescription: description,
      metric,
      threshold,
      comparisonOperator: below
        ? ComparisonOperator.LESS_THAN_THRESHOLD
        : ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
      evaluationPeriods: periods,
      treatMissingData: missingIsBad ? TreatMissingData.BREACHING : TreatMissingData.NOT_BREACHING,
    });
    alarm.addAlarmAction(action);
    alarm.addOkAction(action);
  }
}
