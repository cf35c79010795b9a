/** The steps of the model-based test: each does the same to the store and to the oracle, and compares. */
import { expect } from '@jest/globals';
import fc from 'fast-check';
import type { CollectionName } from '../../lib/model/collections.ts';
import { StorageError } from '../../lib/repository/errors.ts';
import type { Filters } from '../../lib/repository/query.ts';
import type { Transaction } from '../../lib/repository/repository.ts';
import * as arbitrary from './arbitraries.ts';
import type { Expected, Oracle, OracleFilter, Row } from './oracle.ts';
import { queryAll } from './paging.ts';
import type { OpenRepository } from './stores.ts';

/** The oracle, replaced as a whole when a transaction commits. */
export interface Model {
  oracle: Oracle;
  /** Whether what a transaction returns has the times that are stored. */
  readonly knowsTimeOfCommit: boolean;
}
type Command = fc.AsyncCommand<Model, OpenRepository>;

const step = <T>(
  name: string,
  input: T,
  run: (model: Model, store: OpenRepository, input: T) => Promise<void>,
): Command => ({
  check: () => true,
  run: (model, store) => run(model, store, input),
  toString: () => `${name} ${JSON.stringify(input)}`,
});

const LATEST_SAMPLE_TIME = '2026-01-01T00:00:00.001Z';

/** Compares the answer of the store with the oracle's expectation, and copies the times into the oracle. */
function settle(
  oracle: Oracle,
  collection: CollectionName,
  expected: Expected,
  actual: Row | undefined | StorageError,
): void {
  if ('codes' in expected) {
    expect(expected.codes).toContain(actual instanceof StorageError ? actual.code : 'success');
    return;
  }
  if (actual instanceof StorageError) throw actual;
  if (expected.row === undefined) {
    expect(actual).toBeUndefined();
    return;
  }
  const { created_at, updated_at } = actual as Row;
  expect(actual).toStrictEqual({ ...expected.row, created_at: expected.row.created_at ?? created_at, updated_at });
  expect(String(updated_at) > LATEST_SAMPLE_TIME).toBe(true);
  oracle.settle(collection, expected.row, { created_at, updated_at });
}

async function write(tx: Transaction, oracle: Oracle, action: arbitrary.WriteAction): Promise<void> {
  const { collection, id } = action.target;
  const options = action.expected === undefined ? {} : { expectedVersion: action.expected };
  const stored = (entity: unknown): Row => entity as Row;
  const outcome = (operation: Promise<Row | undefined>): Promise<Row | undefined | StorageError> =>
    operation.catch((error: unknown) => {
      if (error instanceof StorageError) return error;
      throw error;
    });
  switch (action.action) {
    case 'save': {
      const actual = await outcome(tx.saveEntity(collection, action.fields as never, options).then(stored));
      return settle(oracle, collection, oracle.save(collection, action.fields, action.expected), actual);
    }
    case 'update': {
      const actual = await outcome(tx.updateEntity(collection, id, action.fields as never, options).then(stored));
      return settle(oracle, collection, oracle.update(collection, id, action.fields, action.expected), actual);
    }
    case 'delete': {
      const actual = await outcome(tx.deleteEntity(collection, id, options).then(() => undefined));
      return settle(oracle, collection, oracle.delete(collection, id, action.expected), actual);
    }
  }
}

const asFilters = (filters: readonly OracleFilter[]): Filters =>
  Object.fromEntries(filters.map(({ field, operator, operand }) => [field, { [operator]: operand }])) as Filters;

const writes = arbitrary.write.map((input) =>
  step('write', input, (model, { repository }, action) => write(repository, model.oracle, action)),
);

const gets = arbitrary.get.map((input) =>
  step('get', input, async (model, { repository }, { collection, id }) => {
    expect(await repository.getEntity(collection, id)).toStrictEqual(model.oracle.get(collection, id));
  }),
);

const queries = arbitrary.query.map((input) =>
  step('query', input, async (model, { repository }, { collection, filters, orderBy, limit }) => {
    const found = await queryAll(repository, collection, { filters: asFilters(filters), orderBy, limit });
    expect(found).toStrictEqual(model.oracle.query(collection, filters, orderBy));
  }),
);

const counts = arbitrary.count.map((input) =>
  step('count', input, async (model, { repository }, { collection, filters, groupBy }) => {
    const actual = await repository.countEntities(collection, { filters: asFilters(filters), groupBy });
    const rows = model.oracle.query(collection, filters);
    const values = rows.map((row) => row[groupBy]).filter((value) => value !== undefined);
    const groups = [...new Set(values)].map((value) => [String(value), values.filter((one) => one === value).length]);
    expect(actual.count).toBe(rows.length);
    expect(Object.entries(actual.groups ?? {}).toSorted()).toEqual(groups.toSorted());
  }),
);

const batches = arbitrary.batch.map((input) =>
  step('batch', input, async (model, { repository }, { collection, fields }) => {
    const results = await repository.saveEntities(collection, fields as never);
    expect(results).toHaveLength(fields.length);
    for (const [i, result] of results.entries()) {
      const expected = model.oracle.save(collection, fields[i] ?? {}, undefined);
      const actual = result.status === 'saved' ? (result.entity as unknown as Row) : result.error;
      settle(model.oracle, collection, expected, actual);
    }
  }),
);

/** Copies the times of a transaction's writes into the oracle. Everything else must be as it expects. */
async function takeTimesOfCommit(
  oracle: Oracle,
  repository: Transaction,
  actions: readonly arbitrary.WriteAction[],
): Promise<void> {
  for (const { collection, id } of actions.map(({ target }) => target)) {
    const expected = oracle.get(collection, id);
    const actual = (await repository.getEntity(collection, id)) as Row | undefined;
    if (expected === undefined || actual === undefined) expect(actual).toStrictEqual(expected);
    else settle(oracle, collection, { row: expected }, actual);
  }
}

/** Several writes and a read of everything inside; half of the transactions throw at the end. */
const transactions = fc
  .record({ actions: fc.array(arbitrary.write, { maxLength: 5 }), commit: fc.boolean() })
  .map((input) =>
    step('transaction', input, async (model, { repository }, { actions, commit }) => {
      const rollBack = new Error('roll back');
      let committed = model.oracle;
      const done = repository.transaction(async (tx) => {
        // A store may run the work again, so each run starts from the same state.
        const inside = model.oracle.copy();
        for (const action of actions) {
          await write(tx, inside, action);
          const { collection, id } = action.target;
          expect(await tx.getEntity(collection, id)).toStrictEqual(inside.get(collection, id));
        }
        if (!commit) throw rollBack;
        committed = inside;
      });
      if (commit) await done;
      else await expect(done).rejects.toBe(rollBack);
      model.oracle = committed;
      if (commit && !model.knowsTimeOfCommit) await takeTimesOfCommit(model.oracle, repository, actions);
    }),
  );

const openings = fc.constantFrom('reopen' as const, 'crash' as const).map((input) =>
  step(input, undefined, async (_, store) => {
    await store[input]();
  }),
);

/** Initial parents: without them most machines would be refused. */
export async function begin({ oracle }: Model, { repository }: OpenRepository): Promise<void> {
  const created_at = '2026-01-01T00:00:00.000Z';
  const text = { name: 'n', provider_api: 'p', vm_type: 'v', status: 's' };
  for (const template_id of arbitrary.ids.templates) {
    const fields = { template_id, max_number: 1, created_at, ...text };
    await write(repository, oracle, { action: 'save', target: { collection: 'templates', id: template_id }, fields });
  }
  for (const request_id of arbitrary.ids.requests.slice(1)) {
    const fields = { request_id, template_id: arbitrary.ids.templates[0], machine_count: 1, created_at, ...text };
    await write(repository, oracle, { action: 'save', target: { collection: 'requests', id: request_id }, fields });
  }
}

/** The whole content of the store equals that of the oracle. */
export async function compareAll({ oracle }: Model, { repository }: OpenRepository): Promise<void> {
  for (const collection of ['templates', 'requests', 'machines'] as const) {
    const found = await queryAll(repository, collection, { orderBy: 'created_at' });
    expect(found).toStrictEqual(oracle.query(collection, []));
  }
}

/** Writes are listed more often than the rest, as there must be something to read. */
export const commands = [writes, writes, writes, batches, gets, queries, counts, transactions, openings];
