/** The dashboard, section by section. */
import { Dashboard, GraphWidget, type IMetric, type IWidget, TextWidget } from 'aws-cdk-lib/aws-cloudwatch';
import type { Construct } from 'constructs';
import { operations } from '../api/api-functions.ts';
import type { DataStack } from '../data/data-stack.ts';
import {
  cacheMetric,
  callsOf,
  databaseMetric,
  functionMetric,
  gatewayMetric,
  problemsByCode,
  serviceCount,
  tableMetric,
  unitsUsed,
} from './service-metrics.ts';

/** A heading with its widgets. */
export interface DashboardSection {
  readonly title: string;
  readonly widgets: readonly IWidget[];
}

/** CloudWatch: a dashboard is 24 units wide. */
const WIDTH = 24;

export const graph = (title: string, left: IMetric[], right: IMetric[] = []): GraphWidget =>
  new GraphWidget({ title, left, right, width: WIDTH / 3, height: 6, leftYAxis: { min: 0 } });

/** Calls, their latency and their errors. */
export function apiSection(name: string): DashboardSection {
  const latency = (statistic: string) => gatewayMetric(name, 'Latency', statistic);
  return {
    title: 'API',
    widgets: [
      graph(
        'Calls by operation',
        operations.map((operation) => callsOf(name, operation)),
      ),
      graph('Latency, ms', [latency('p50'), latency('p99'), gatewayMetric(name, 'IntegrationLatency', 'p99')]),
      graph('Answers with 4xx and 5xx', [
        gatewayMetric(name, '4XXError', 'Sum'),
        gatewayMetric(name, '5XXError', 'Sum'),
      ]),
      graph('Problems by code', [problemsByCode(name)]),
      graph('Conflicts, throttling by the store, failures', [
        serviceCount(name, 'Conflicts'),
        serviceCount(name, 'Throttles'),
        serviceCount(name, 'Failures'),
      ]),
      graph(
        'Functions: throttled (left), concurrent (right)',
        [functionMetric(`${name}-api`, 'Throttles', 'Sum')],
        [functionMetric(`${name}-api`, 'ConcurrentExecutions', 'Maximum')],
      ),
    ],
  };
}

/** The utilization of the store's capacity. */
export function storeSections({ tables, cache, database }: DataStack): DashboardSection[] {
  const sections: DashboardSection[] = [];
  if (tables !== undefined) {
    const of = (metric: (table: string) => IMetric): IMetric[] => tables.tableNames.map(metric);
    sections.push({
      title: 'DynamoDB',
      widgets: [
        graph(
          'Read units per second',
          of((table) => unitsUsed(table, 'Read')),
        ),
        graph(
          'Write units per second',
          of((table) => unitsUsed(table, 'Write')),
        ),
        graph(
          'Throttled reads (left) and writes (right)',
          of((table) => tableMetric(table, 'ReadThrottleEvents')),
          of((table) => tableMetric(table, 'WriteThrottleEvents')),
        ),
      ],
    });
  }
  if (cache !== undefined) {
    const metric = (name: string, statistic?: string) => cacheMetric(cache.clusterName, name, statistic);
    sections.push({
      title: 'DAX',
      widgets: [
        graph('Items: hits and misses', [metric('ItemCacheHits'), metric('ItemCacheMisses')]),
        graph('Queries: hits and misses', [metric('QueryCacheHits'), metric('QueryCacheMisses')]),
        graph(
          'Processor, % (left), faults (right)',
          [metric('CPUUtilization', 'Average')],
          [metric('FaultRequestCount')],
        ),
      ],
    });
  }
  if (database !== undefined) {
    const metric = (name: string) => databaseMetric(database.instance.instanceIdentifier, name);
    sections.push({
      title: 'PostgreSQL',
      widgets: [
        graph('Processor, %', [metric('CPUUtilization')]),
        graph('Connections', [metric('DatabaseConnections')]),
        graph(
          'Free storage (left) and memory (right), bytes',
          [metric('FreeStorageSpace')],
          [metric('FreeableMemory')],
        ),
      ],
    });
  }
  return sections;
}

/** The dashboard of a deployment. */
export function addDashboard(scope: Construct, name: string, sections: readonly DashboardSection[]): Dashboard {
  const dashboard = new Dashboard(scope, 'Dashboard', { dashboardName: name });
  for (const { title, widgets } of sections) {
    dashboard.addWidgets(new TextWidget({ markdown: `## ${title}`, width: WIDTH, height: 1 }));
    dashboard.addWidgets(...widgets);
  }
  return dashboard;
}
