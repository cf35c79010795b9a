/** The cost of each operation in requests and capacity units, with its possible minimum; docs/dynamodb-store.md. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { Repository } from '../../../lib/repository/repository.ts';
import type { Cost } from './capacity-meter.ts';
import { costsTable, documentCosts, documentedCosts, type Measured } from './costs-table.ts';
import { type MeasuredCall, otherCalls, singleCalls } from './measured-calls.ts';
import { type MeteredStore, openMeteredStore } from './metered-store.ts';

let store: MeteredStore;
const measured: Measured[] = [];

async function measure({ prepare, run }: MeasuredCall, repository: Repository, suffix: string): Promise<Cost> {
  await prepare?.(repository, suffix);
  return store.meter.measure(() => run(repository, suffix));
}

beforeAll(async () => {
  store = await openMeteredStore();
  const { off, on, eventual } = store.repositories;
  for (const [i, call] of [...singleCalls, ...otherCalls].entries()) {
    measured.push({
      call,
      off: await measure(call, call.eventual ? eventual : off, `off-${i}`),
      on: await measure(call, call.eventual ? eventual : on, `on-${i}`),
    });
  }
});
afterAll(async () => {
  await store[Symbol.asyncDispose]();
});

test.each(singleCalls)('$name is one request at the minimum cost if references are off', ({ name, minimum }) => {
  expect(minimum.requests).toBe(1);
  expect(measured.find(({ call }) => call.name === name)?.off).toEqual(minimum);
});

test('nothing costs less than its minimum, which would then be wrong', () => {
  for (const { call, off, on } of measured) {
    const pairs = [
      [off, call.minimum],
      [on, call.minimumOn ?? call.minimum],
    ] as const;
    for (const [actual, minimum] of pairs) {
      for (const key of ['requests', 'readUnits', 'writeUnits'] as const) {
        const text = `${call.name}: ${key} ${actual[key]}`;
        expect(actual[key] >= minimum[key] ? text : `${text} < ${minimum[key]}`).toBe(text);
      }
    }
  }
});

// Those of its migration read whole collections, which requires a scan.
test.each([
  ['requests', { filters: { status: 'PENDING' }, orderBy: 'created_at', limit: 50 }],
  ['requests', { filters: { template_id: 'template-1' } }],
  ['machines', { filters: { request_id: 'request-00001' } }],
] as const)('a query of %s that SPEC.md shows is answered by an index: %j', async (collection, options) => {
  const { explanation } = await store.repositories.on.queryEntities(collection, { ...options, explain: true });
  const [field] = Object.keys(options.filters);
  expect(explanation?.index).toBe(`${field}-created_at-index`);
});

test('the documentation shows the measured costs', async () => {
  const table = costsTable(measured);
  if (process.env.HFSTORAGE_UPDATE_DOCS === '1') await documentCosts(table);
  const documented = await documentedCosts();
  if (documented !== table)
    throw new Error(`docs/dynamodb-store.md should show (HFSTORAGE_UPDATE_DOCS=1 writes it):\n${table}`);
});
