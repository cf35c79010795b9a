/** Writes outside a transaction whose connection breaks at any message: all or nothing, and no false report. */
import { describe, expect, test } from '@jest/globals';
import type { CollectionName } from '../../../../lib/model/collections.ts';
import type { Entity, EntityInput } from '../../../../lib/model/entities.ts';
import { MAX_BATCH_ENTITIES } from '../../../../lib/model/limits.ts';
import type { NewEntity, Repository } from '../../../../lib/repository/repository.ts';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import type { CutRule } from '../../../backends/cutting-proxy.ts';
import { newId, saveAll, saveMachine, saveRequest, saveTemplate, template } from '../../../contract/samples.ts';
import { everyCut } from './every-cut.ts';
import { unavailability } from './readable.ts';
import { openBehindProxy } from './store-behind-proxy.ts';

/** A prepared write. */
interface Write {
  readonly collection: CollectionName;
  readonly ids: readonly string[];
  /** Version of every entity before the write and after it; 0 if there is none. */
  readonly before: number;
  readonly after: number;
  run(store: StorageRepository): Promise<unknown>;
}

type Preparation = readonly [name: string, prepare: (direct: Repository) => Promise<Write>];

/** The distinct versions of the entities of a write: more than one if it was half done. */
async function versions(repository: Repository, { collection, ids }: Write): Promise<number[]> {
  const found = new Set<number>();
  for (let from = 0; from < ids.length; from += MAX_BATCH_ENTITIES) {
    const { items, missing } = await repository.getEntities(collection, ids.slice(from, from + MAX_BATCH_ENTITIES));
    for (const { version } of items) found.add(version);
    if (missing.length > 0) found.add(0);
  }
  return [...found];
}

const creation = (entities: readonly { readonly template_id: string }[], run: Write['run'], after = 1): Write => {
  const ids = entities.map(({ template_id }) => template_id);
  return { collection: 'templates', ids, before: 0, after, run };
};

async function change(direct: Repository, run: (store: Repository, id: string) => Promise<unknown>): Promise<Write> {
  const { template_id: id } = await saveTemplate(direct);
  return { collection: 'templates', ids: [id], before: 1, after: 2, run: (store) => run(store, id) };
}

/** Writes with a single statement: if its connection breaks, it is unknown whether it has run. */
const statements: readonly Preparation[] = [
  [
    'saveEntity of a new entity',
    async () => {
      const entity = template();
      return creation([entity], (store) => store.saveEntity('templates', entity, { expectedVersion: 0 }));
    },
  ],
  [
    'saveEntity over an entity',
    (direct) => change(direct, (store, template_id) => store.saveEntity('templates', template({ template_id }))),
  ],
  [
    'saveEntity over a version',
    (direct) =>
      change(direct, (store, template_id) => store.saveEntity('templates', template({ template_id, version: 1 }))),
  ],
  [
    'saveEntity of a child that takes a field from its parent',
    async (direct) => {
      const { request_id } = await saveRequest(direct);
      const machine_id = newId('machine');
      const entity: EntityInput<'machines'> = { machine_id, request_id, status: 'RUNNING' };
      const run: Write['run'] = (store) => store.saveEntity('machines', entity);
      return { collection: 'machines', ids: [machine_id], before: 0, after: 1, run };
    },
  ],
  ['updateEntity', (direct) => change(direct, (store, id) => store.updateEntity('templates', id, { name: 'Renamed' }))],
  [
    'deleteEntity',
    async (direct) => {
      const { machine_id } = await saveMachine(direct);
      const run: Write['run'] = (store) => store.deleteEntity('machines', machine_id);
      return { collection: 'machines', ids: [machine_id], before: 1, after: 0, run };
    },
  ],
  [
    'saveEntities of 200',
    async () => {
      const entities = Array.from({ length: 200 }, () => template());
      return creation(entities, (store) => saveAll(store, 'templates', entities));
    },
  ],
];

/** Writes that need a transaction: it is retried, or the server is asked for its outcome. */
const transactions: readonly Preparation[] = [
  [
    'updateEntity of a field that the model does not declare',
    (direct) => change(direct, (store, id) => store.updateEntity('templates', id, { colour: 'red' })),
  ],
  [
    'createTogether of 1,100',
    async () => {
      const entities = Array.from({ length: 1100 }, () => template());
      const all = entities.map((entity): NewEntity => ({ collection: 'templates', entity }));
      return creation(entities, (store) => store.createTogether(all));
    },
  ],
  [
    'load',
    async () => {
      const at = '2026-11-22T10:00:00.000Z';
      const entities = Array.from({ length: 10 }, () => ({
        ...template(),
        created_at: at,
        updated_at: at,
        version: 7,
      }));
      return creation(entities, (store) => store.strategy.load('templates', entities as Entity[]), 7);
    },
  ],
];

/** Repeats the write, each time cut at the next message. @returns the errors of failed attempts */
async function cutEverywhere(prepare: Preparation[1], rule: CutRule): Promise<string[]> {
  await using behind = await openBehindProxy();
  const { store, proxy, direct } = behind;
  const errors: string[] = [];
  for await (const cut of everyCut(proxy, rule)) {
    const write = await prepare(direct);
    // A new connection, on which no statement is prepared yet.
    proxy.cut();
    await store.health();
    cut.arm();
    const failed = await write.run(store).then(
      () => undefined,
      (error: unknown) => unavailability(Promise.reject(error)),
    );
    const stored = await versions(direct, write);
    if (failed === undefined) {
      expect(stored).toEqual([write.after]);
    } else {
      expect(cut.message).toBeDefined();
      expect([[write.before], [write.after]]).toContainEqual(stored);
      expect(failed.message).toMatch(/may or may not have been stored|Nothing was stored/);
      if (failed.message.includes('Nothing was stored')) expect(stored).toEqual([write.before]);
      errors.push(failed.message);
    }
  }
  return errors;
}

describe.each<[string, CutRule]>([
  ['before the server gets it', { how: 'before' }],
  ['after the server has acted on it', { how: 'after' }],
])('a cut at any message, %s', (_, rule) => {
  test.each(statements)('%s: one statement, whose outcome is unknown', async (_name, prepare) => {
    const errors = await cutEverywhere(prepare, rule);
    // Parse, Bind, Describe, Execute and Sync of the one statement; reads before it are retried.
    expect(errors).toHaveLength(5);
  });

  test.each(transactions)('%s: a transaction, which succeeds', async (_name, prepare) => {
    for (const type of ['Q', 'E']) expect(await cutEverywhere(prepare, { ...rule, type })).toEqual([]);
  });
});
