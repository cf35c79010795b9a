/** What the functions count, and that nobody else does. */
import { afterEach, beforeEach, expect, jest, test } from '@jest/globals';
import { answering } from '../../lib/lambda/api-answering.ts';
import type { ApiEvent } from '../../lib/lambda/api-event.ts';
import { logger } from '../../lib/lambda/api-log.ts';
import { ConcurrencyConflictError, EntityNotFoundError, StorageUnavailableError } from '../../lib/repository/errors.ts';

type Line = Readonly<Record<string, unknown>> & {
  readonly _aws: { readonly CloudWatchMetrics: readonly { readonly Dimensions: unknown }[] };
};

let lines: Line[];
beforeEach(() => {
  lines = [];
  logger.setLogLevel('SILENT');
  process.env.POWERTOOLS_METRICS_NAMESPACE = 'HostFactory';
  process.env.POWERTOOLS_SERVICE_NAME = 'hostfactory-test';

  // Powertools writes to a console of its own.
  jest.spyOn(process.stdout, 'write').mockImplementation((text) => {
    for (const line of String(text).split('\n')) if (line.includes('CloudWatchMetrics')) lines.push(JSON.parse(line));
    return true;
  });
});
afterEach(() => {
  jest.restoreAllMocks();
  delete process.env.AWS_LAMBDA_FUNCTION_NAME;
});

const event = { httpMethod: 'GET', pathParameters: {}, requestContext: { requestId: 'r' } } as unknown as ApiEvent;

/** Answers one call that ends as said, and returns what was counted. */
async function counted(outcome: () => Promise<never> | { status: number }): Promise<Record<string, unknown>[]> {
  const serve = async () => ({ headers: {}, ...(await outcome()) });
  await answering('get-entity', serve)(event, {});
  return lines.map(({ _aws, Duration: _, ...line }) => ({
    ...line,
    dimensions: _aws.CloudWatchMetrics[0]?.Dimensions,
  }));
}

const throwing = (error: Error) => async (): Promise<never> => {
  throw error;
};
const call = { service: 'hostfactory-test', operation: 'get-entity', Calls: 1, dimensions: [['service', 'operation']] };
const problem = (code: string) => ({
  service: 'hostfactory-test',
  code,
  Problems: 1,
  dimensions: [['service', 'code']],
});
const count = (...names: string[]) => ({
  service: 'hostfactory-test',
  ...Object.fromEntries(names.map((name) => [name, 1])),
  dimensions: [['service']],
});

test('outside of Lambda nothing is counted', async () => {
  expect(await counted(() => ({ status: 200 }))).toEqual([]);
});

const throttling = Object.assign(new Error('slow down'), { name: 'ProvisionedThroughputExceededException' });
const conflict = new ConcurrencyConflictError('requests', 'r', 1, 2, undefined);

test.each<[string, () => Promise<never> | { status: number }, object[]]>([
  ['a call', () => ({ status: 200 }), []],
  ['a missing entity', throwing(new EntityNotFoundError('requests', 'r')), [problem('entity_not_found')]],
  ['a conflict', throwing(conflict), [count('Conflicts'), problem('concurrency_conflict')]],
  ['a failure', throwing(new TypeError('x')), [count('Failures'), problem('internal_error')]],
  [
    'a store that cannot be reached',
    throwing(new StorageUnavailableError('gone')),
    [count('Failures'), problem('storage_unavailable')],
  ],
  [
    'a store that throttles',
    throwing(new StorageUnavailableError('busy', { cause: throttling })),
    [count('Failures', 'Throttles'), problem('storage_unavailable')],
  ],
])('%s is counted', async (_, outcome, expected) => {
  process.env.AWS_LAMBDA_FUNCTION_NAME = 'a-function';
  expect(await counted(outcome)).toEqual([call, ...expected]);
});
