/** The metrics that the functions write (`lib/lambda/api-metrics.ts`), and AWS's own, by their CloudWatch names. */
import { Duration } from 'aws-cdk-lib';
import { MathExpression, Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import type { Operation } from '../../service/http/routes.ts';
import { STAGE } from '../api/api-resources.ts';

/** Namespace of the functions' metrics; each function has it in POWERTOOLS_METRICS_NAMESPACE. */
export const NAMESPACE = 'HostFactory';

const PERIOD = Duration.minutes(5);

/** The counters for the whole service. */
export type ServiceCount = 'Conflicts' | 'Failures' | 'Throttles';

export const serviceCount = (service: string, metricName: ServiceCount): Metric =>
  new Metric({
    namespace: NAMESPACE,
    metricName,
    dimensionsMap: { service },
    statistic: Stats.SUM,
    period: PERIOD,
    label: metricName,
  });

export const callsOf = (service: string, operation: Operation): Metric =>
  new Metric({
    namespace: NAMESPACE,
    metricName: 'Calls',
    dimensionsMap: { service, operation },
    statistic: Stats.SUM,
    period: PERIOD,
    label: operation,
  });

/** Problems by code, for all codes that have occurred. */
export const problemsByCode = (service: string): MathExpression =>
  new MathExpression({
    expression: `SEARCH('{${NAMESPACE},code,service} MetricName="Problems" service="${service}"', 'Sum')`,
    period: PERIOD,
    label: '',
  });

/** A metric of all functions of a stack, whose names begin with the stack's name. */
export const functionMetric = (stackName: string, metricName: string, statistic: string): MathExpression =>
  new MathExpression({
    expression: `SEARCH('{AWS/Lambda,FunctionName} MetricName="${metricName}" FunctionName="${stackName}-"', '${statistic}')`,
    period: PERIOD,
    label: '',
  });

export const gatewayMetric = (
  apiName: string,
  metricName: '4XXError' | '5XXError' | 'Count' | 'IntegrationLatency' | 'Latency',
  statistic: string,
): Metric =>
  new Metric({
    namespace: 'AWS/ApiGateway',
    metricName,
    dimensionsMap: { ApiName: apiName, Stage: STAGE },
    statistic,
    period: PERIOD,
    label: `${metricName} ${statistic}`,
  });

export const tableMetric = (table: string, metricName: string): Metric =>
  new Metric({
    namespace: 'AWS/DynamoDB',
    metricName,
    dimensionsMap: { TableName: table },
    statistic: Stats.SUM,
    period: PERIOD,
    label: table,
  });

/** Consumed units per second of a table, as the mean of the period. */
export function unitsUsed(table: string, kind: 'Read' | 'Write'): MathExpression {
  // Ids are shared by all expressions of a graph.
  const id = `units_${table.replace(/\W/g, '_')}`;
  return new MathExpression({
    expression: `${id} / PERIOD(${id})`,
    usingMetrics: { [id]: tableMetric(table, `Consumed${kind}CapacityUnits`) },
    period: PERIOD,
    label: table,
  });
}

export const databaseMetric = (instance: string, metricName: string, statistic: string = Stats.AVERAGE): Metric =>
  new Metric({
    namespace: 'AWS/RDS',
    metricName,
    dimensionsMap: { DBInstanceIdentifier: instance },
    statistic,
    period: PERIOD,
    label: metricName,
  });

export const cacheMetric = (cluster: string, metricName: string, statistic: string = Stats.SUM): Metric =>
  new Metric({
    namespace: 'AWS/DAX',
    metricName,
    dimensionsMap: { ClusterName: cluster },
    statistic,
    period: PERIOD,
    label: metricName,
  });
