/** Writes that are lost, or whose answers are lost: executed once, and reported correctly. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { StorageUnavailableError } from '../../../lib/repository/errors.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { newId, saveAll, saveTemplate, template } from '../../contract/samples.ts';
import { type Fault, failing, openBehindFaults, type StoreBehindFaults } from './faulty-dynamodb.ts';

let behind: StoreBehindFaults;
beforeAll(async () => {
  behind = await openBehindFaults();
});
afterAll(async () => behind[Symbol.asyncDispose]());
beforeEach(() => behind.renew());

/** A write, and the resulting versions of its templates; 0 if there is none. */
interface Write {
  readonly ids: readonly string[];
  readonly before: number;
  readonly after: number;
  run(store: Repository): Promise<unknown>;
}

async function change(after: number, run: (store: Repository, id: string) => Promise<unknown>): Promise<Write> {
  const { template_id: id } = await saveTemplate(behind.direct);
  return { ids: [id], before: 1, after, run: (store) => run(store, id) };
}

function creation(count: number, run: (store: Repository, ids: string[]) => Promise<unknown>): Write {
  const ids = Array.from({ length: count }, () => newId('lost'));
  return { ids, before: 0, after: 1, run: (store) => run(store, ids) };
}

const of = (ids: readonly string[]) => ids.map((template_id) => template({ template_id }));

const writes: [string, () => Promise<Write> | Write][] = [
  [
    'creation',
    () => creation(1, (store, ids) => store.saveEntity('templates', of(ids)[0] as never, { expectedVersion: 0 })),
  ],
  ['save of a new one', () => creation(1, (store, ids) => store.saveEntity('templates', of(ids)[0] as never))],
  ['save', () => change(2, (store, template_id) => store.saveEntity('templates', template({ template_id })))],
  [
    'conditional save',
    () => change(2, (store, template_id) => store.saveEntity('templates', template({ template_id, version: 1 }))),
  ],
  ['update', () => change(2, (store, id) => store.updateEntity('templates', id, { name: 'Other', colour: 'red' }))],
  [
    'conditional update',
    () => change(2, (store, id) => store.updateEntity('templates', id, { name: 'Other', version: 1 })),
  ],
  ['deletion', () => change(0, (store, id) => store.deleteEntity('templates', id))],
  ['conditional deletion', () => change(0, (store, id) => store.deleteEntity('templates', id, { expectedVersion: 1 }))],
  [
    'transaction of one write',
    () => change(2, (store, id) => store.transaction((tx) => tx.updateEntity('templates', id, { name: 'Other' }))),
  ],
  [
    'transaction of one deletion',
    () => change(0, (store, id) => store.transaction((tx) => tx.deleteEntity('templates', id))),
  ],
  [
    'transaction',
    () =>
      creation(5, (store, ids) =>
        store.transaction(async (tx) => {
          for (const entity of of(ids)) await tx.saveEntity('templates', entity);
        }),
      ),
  ],
  ['batch', () => creation(5, (store, ids) => saveAll(store, 'templates', of(ids)))],
  [
    'createTogether of 120',
    () =>
      creation(120, (store, ids) =>
        store.createTogether(of(ids).map((entity) => ({ collection: 'templates', entity }))),
      ),
  ],
];

const isWrite = ({ operation }: { operation: string }): boolean => /^(?:Put|Update|Delete|Transact)/.test(operation);

async function versions(ids: readonly string[]): Promise<number[]> {
  const { items, missing } = await behind.direct.getEntities('templates', ids);
  return [...new Set([...items.map(({ version }) => version), ...missing.map(() => 0)])];
}

const after =
  (then: Awaited<ReturnType<Fault>>): Fault =>
  async (_, forward) => {
    await forward();
    return then;
  };
const before =
  (then: Awaited<ReturnType<Fault>>): Fault =>
  async () =>
    then;
const error500 = failing('InternalServerError', 500);

const losses: [string, Fault][] = [
  ['a connection that breaks after it was carried out', after('drop')],
  ['an answer that never comes', after('hang')],
  ['an error 500 after it was carried out', after(error500)],
  ['a connection that breaks before', before('drop')],
  ['an error 500 before', before(error500)],
];

describe.each(writes)('%s', (_, prepare) => {
  test.each(losses)('%s: retried, executed once', async (_, fault) => {
    const { store, faults } = behind;
    const write = await prepare();
    faults.on(isWrite, fault, 1);
    await write.run(store);
    expect(await versions(write.ids)).toEqual([write.after]);
  });

  test.each(losses)('%s, each time: the error says that the outcome is unknown', async (_, fault) => {
    const { store, faults } = behind;
    const write = await prepare();
    faults.on(isWrite, fault);
    const error = await rejection(write.run(store));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('may or may not have been stored');
  });
});

test('a deletion in a transaction whose answer is lost does not count as done if it was not', async () => {
  const { store, faults, direct } = behind;
  const { template_id } = await saveTemplate(direct);
  faults.on(
    'DeleteItem',
    async () => {
      await direct.updateEntity('templates', template_id, { name: 'Changed' });
      return 'drop';
    },
    1,
  );
  await store.transaction((tx) => tx.deleteEntity('templates', template_id));
  expect(await direct.getEntity('templates', template_id)).toBeUndefined();
});
