import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { collectionNames } from '../../lib/model/collections.ts';
import type { OpenStore } from '../contract/stores.ts';
import { isTrial } from '../trials.ts';
import { awkwardEntities, type Entities, loadAll } from './awkward-entities.ts';
import { contentsOf, factories, migrate, testedTypes, textsOf, unlike } from './migrating.ts';

/** DynamoDB Local takes about a thousand writes a second at best. Elsewhere there are more machines than a page has. */
function sizeOf(...types: string[]): number {
  if (types.includes('dynamodb')) return isTrial ? 15_000 : 500;
  return isTrial ? 40_000 : 1_300;
}

interface Source {
  readonly store: OpenStore;
  readonly entities: Entities;
  /** As `contentsOf` has them. */
  readonly texts: readonly string[];
}

describe.each(testedTypes)('from %s', (from) => {
  /** Sources by their number of entities, shared by the targets. */
  const sources = new Map<number, Source>();
  const targets = testedTypes.filter((type) => type !== from);
  beforeAll(async () => {
    for (const size of new Set(targets.map((to) => sizeOf(from, to)))) {
      const store = await factories[from].open();
      const entities = awkwardEntities(size);
      sources.set(size, { store, entities, texts: textsOf(entities) });
      await loadAll(store.strategy, entities);
    }
  });
  afterAll(async () => {
    for (const { store } of sources.values()) await store.close();
  });

  test.each(targets)('to %s: equal byte for byte, versions and timestamps included', async (to) => {
    const size = sizeOf(from, to);
    const { store, entities, texts } = sources.get(size) as Source;
    await using target = await factories[to].open();
    const report = await migrate(store, target);
    expect(report.outcome).toBe('succeeded');
    for (const collection of collectionNames) {
      const { length } = entities[collection];
      expect(report.collections[collection]).toEqual({ read: length, copied: length, skipped: 0, total: length });
      expect(report.validation?.[collection]).toBe(length);
    }
    expect(report.validation).toMatchObject({ repaired: 0, listed: [] });
    expect(unlike(await contentsOf(target.strategy), texts)).toEqual([]);
    // The copies are entities like any other.
    const [{ machine_id = '' } = {}] = entities.machines as { machine_id?: string; version?: number }[];
    const before = await target.repository.getEntity('machines', machine_id);
    const updated = await target.repository.updateEntity('machines', machine_id, { status: 'STOPPED' });
    expect(updated.version).toBe((before?.version ?? 0) + 1);
  });

  test('the source is as it was', async () => {
    for (const { store, texts } of sources.values()) {
      expect(unlike(await contentsOf(store.strategy), texts)).toEqual([]);
    }
  });
});

test('json to sqlite to postgresql to dynamodb and back to json: it ends where it began', async () => {
  const entities = awkwardEntities(isTrial ? 1_000 : 300);
  await using stack = new AsyncDisposableStack();
  const open = async (type: keyof typeof factories): Promise<OpenStore> => stack.use(await factories[type].open());
  const first = await open('json');
  await loadAll(first.strategy, entities);
  let from = first;
  for (const type of ['sqlite', 'postgresql', 'dynamodb', 'json'] as const) {
    const to = await open(type);
    expect(await migrate(from, to, { section: { batch_size: 37 } })).toMatchObject({ outcome: 'succeeded' });
    from = to;
  }
  expect(unlike(await contentsOf(from.strategy), textsOf(entities))).toEqual([]);
});
