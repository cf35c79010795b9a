import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { CollectionName } from '../../../lib/model/collections.ts';
import type { QueryOptions } from '../../../lib/repository/query.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { Statements } from '../../../lib/strategies/sql/statements.ts';
import { machine, request, saveAll, template } from '../../contract/samples.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';

const ROWS = 2000;
/** Templates, and requests that have machines. */
const PARENTS = 20;
const PENDING = ROWS / 10;

// Of the 2,000 requests and machines, 200 are PENDING and 200 FAILED; each template has 100 of each.
const statusOf = (i: number): string => ['PENDING', 'FAILED'][i % 10] ?? 'COMPLETED';
/** Not in the order of ids. */
const createdAt = (i: number): string => new Date(Date.UTC(2026, 0, 1) + 1000 * ((i * 7919) % ROWS)).toISOString();

async function fill(repository: StorageRepository): Promise<void> {
  const numbers = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);
  const templates = numbers(0, PARENTS).map((i) => template({ template_id: `t-${i}` }));
  await saveAll(repository, 'templates', templates);
  for (const part of [numbers(0, ROWS / 2), numbers(ROWS / 2, ROWS)]) {
    const common = (i: number) => ({ status: statusOf(i), created_at: createdAt(i) });
    const requests = part.map((i) =>
      request(`t-${i % PARENTS}`, { ...common(i), request_id: `r-${i}`, machine_count: i }),
    );
    await saveAll(repository, 'requests', requests);
    const machines = part.map((i) => {
      const parents = { request_id: `r-${i % PARENTS}`, template_id: `t-${i % PARENTS}` };
      return machine(parents, { ...common(i), machine_id: `m-${i}`, private_ip: `10.0.0.${i}` });
    });
    await saveAll(repository, 'machines', machines);
  }
}

interface Shape {
  readonly what: string;
  readonly collection: CollectionName;
  readonly options: QueryOptions;
  readonly index: string;
  /** Maximum rows that may be read for a page. */
  readonly most: number;
}

const shape = (
  what: string,
  [collection, options]: [CollectionName, QueryOptions],
  index: string,
  most: number,
): Shape => ({ what, collection, options, index, most });

// A page of 50 needs 51 rows: one more says that more follow. The next page reads the last row of the previous one again.
const shapes: readonly Shape[] = [
  shape(
    'requests of a status, the newest first',
    ['requests', { filters: { status: 'COMPLETED' }, orderBy: '-created_at', limit: 50 }],
    'status-created_at-index',
    52,
  ),
  shape(
    'requests of a status since a time',
    ['requests', { filters: { status: 'COMPLETED', created_at: { gte: '2026-01-01T00:10:00Z' } }, limit: 50 }],
    'status-created_at-index',
    52,
  ),
  shape(
    'requests of any of two statuses, the newest first: a page of each',
    ['requests', { filters: { status: ['PENDING', 'FAILED'] }, orderBy: '-created_at', limit: 50 }],
    'status-created_at-index',
    104,
  ),
  shape(
    'requests of a template: PostgreSQL may read and sort all 100',
    ['requests', { filters: { template_id: 't-3' }, limit: 50 }],
    'template_id-created_at-index',
    100,
  ),
  shape(
    'machines of a request',
    ['machines', { filters: { request_id: 'r-3' }, limit: 1000 }],
    'request_id-created_at-index',
    ROWS / PARENTS,
  ),
  shape(
    'machines of a request, and of a status',
    ['machines', { filters: { request_id: 'r-0', status: 'PENDING' }, limit: 50 }],
    'request_id-created_at-index',
    ROWS / PARENTS,
  ),
  shape('all, the oldest first', ['requests', { limit: 50 }], 'created_at-index', 52),
  shape('all, the newest first', ['requests', { orderBy: '-created_at', limit: 50 }], 'created_at-index', 52),
  shape('all in the order of their ids', ['requests', { orderBy: 'request_id', limit: 50 }], 'id', 51),
  shape('some ids', ['requests', { filters: { request_id: ['r-5', 'r-6'] } }], 'id', 4),
];

describe.each(databaseKinds)('explain on $name', ({ name, dialect, create }) => {
  let database: TestDatabase;
  let repository: StorageRepository;
  beforeAll(async () => {
    database = await create();
    repository = await openRepository(database.storage());
    await fill(repository);
    // Like autovacuum, so that the planner knows the tables.
    await database.script(name === 'postgresql' ? 'VACUUM ANALYZE' : 'ANALYZE');
  });
  afterAll(async () => {
    await repository.close();
    await database[Symbol.asyncDispose]();
  });

  test.each(shapes)('$what: $index', async ({ collection, options, index, most }) => {
    let cursor: string | undefined;
    for (const page of [1, 2]) {
      const { items, nextCursor, explanation } = await repository.queryEntities(collection, {
        ...options,
        cursor,
        explain: true,
      });
      expect({ page, index: explanation?.index }).toEqual({ page, index });
      expect(explanation?.read).toBeGreaterThanOrEqual(items.length);
      expect(explanation?.read).toBeLessThanOrEqual(most);
      cursor = nextCursor;
      if (cursor === undefined) return;
    }
  });

  test('order by a field without an index: a scan of all, on every page', async () => {
    const options = { orderBy: 'machine_count', limit: 50, explain: true };
    const first = await repository.queryEntities('requests', options);
    expect(first.explanation).toEqual({ index: 'scan', read: ROWS });
    const second = await repository.queryEntities('requests', { ...options, cursor: first.nextCursor });
    expect(second.explanation).toEqual({ index: 'scan', read: ROWS });
    expect(second.items.map(({ machine_count }) => machine_count)).toEqual(
      Array.from({ length: 50 }, (_, i) => 50 + i),
    );
  });

  test('a filter without an index reads everything, or follows the index of the order until the page is full', async () => {
    const explained = async (prefix: string, limit: number) => {
      const options = { filters: { private_ip: { begins_with: prefix } }, limit, explain: true };
      const { items, explanation } = await repository.queryEntities('machines', options);
      expect(items.every(({ private_ip }) => private_ip?.startsWith(prefix))).toBe(true);
      return { found: items.length, ...explanation };
    };
    expect(await explained('10.0.0.199', 50)).toMatchObject({
      found: 11,
      read: ROWS,
      index: name === 'sqlite' ? 'created_at-index' : 'scan',
    });
    const common = await explained('10.0.0.1', 10);
    expect(common).toMatchObject({ found: 10, index: 'created_at-index' });
    expect(common.read).toBeLessThan(50);
  });

  test('is omitted unless requested', async () => {
    expect(await repository.queryEntities('requests', { limit: 1 })).not.toHaveProperty('explanation');
  });

  test('is right inside a transaction, which sees its own writes', async () => {
    await repository.transaction(async (tx) => {
      await tx.updateEntity('requests', 'r-7', { status: 'UNIQUE' });
      const { items, explanation } = await tx.queryEntities('requests', {
        filters: { status: 'UNIQUE' },
        explain: true,
      });
      expect(items).toMatchObject([{ request_id: 'r-7', version: 2 }]);
      expect(explanation).toEqual({ index: 'status-created_at-index', read: 1 });
      await tx.updateEntity('requests', 'r-7', { status: statusOf(7) });
    });
  });

  test('counts of a status are answered by the index alone', async () => {
    const { text, values } = new Statements(dialect)
      .reading('requests')
      .count([{ field: 'status', operator: 'eq', value: 'PENDING' }]);
    expect(await repository.countEntities('requests', { filters: { status: 'PENDING' } })).toEqual({ count: PENDING });
    const literal = text.replace(dialect.parameter(1), `'${values[0]}'`);
    const plan = await database.run(`${name === 'sqlite' ? 'EXPLAIN QUERY PLAN' : 'EXPLAIN'} ${literal}`);
    expect(JSON.stringify(plan)).toMatch(
      name === 'sqlite'
        ? /SEARCH requests USING COVERING INDEX requests_status_created_at_index/
        : /Index Only Scan using requests_status_created_at_index/,
    );
  });
});
