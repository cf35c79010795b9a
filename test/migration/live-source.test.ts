/** Stores that others write to while they are migrated. */
import { describe, expect, jest, test } from '@jest/globals';
import { migrateRepository, resumeMigration } from '../../lib/migration/migrate-repository.ts';
import type { CollectionName } from '../../lib/model/collections.ts';
import type { Entity } from '../../lib/model/entities.ts';
import { StorageUnavailableError } from '../../lib/repository/errors.ts';
import { idOf } from '../../lib/repository/guarded-write.ts';
import type { StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { rejection } from '../contract/rejection.ts';
import { machine, request, template } from '../contract/samples.ts';
import type { OpenStore } from '../contract/stores.ts';
import { loadAll } from './awkward-entities.ts';
import { contentsOf, factories, newFolder, optionsOf, unlike } from './migrating.ts';

const times = { created_at: '2026-01-01T00:00:00.000Z', updated_at: '2026-01-01T00:00:00.000Z' };
const numbered = (length: number, make: (i: number) => object): Entity[] =>
  Array.from({ length }, (_, i) => ({ ...make(i), ...times, version: 3 }) as Entity);

/** Ten templates with ten requests each, of which the first six have five machines each. */
const entities = {
  templates: numbered(10, (i) => template({ template_id: `t-${i}` })),
  requests: numbered(100, (i) => ({
    ...request(`t-${i % 10}`, { request_id: `r-${String(i).padStart(2, '0')}` }),
    request_type: 'provision',
  })),
  machines: numbered(300, (i) =>
    machine(
      { request_id: `r-${String(i % 60).padStart(2, '0')}`, template_id: `t-${i % 10}` },
      { machine_id: `m-${String(i).padStart(3, '0')}` },
    ),
  ),
};
const section = { batch_size: 50, parallel_workers: 2 };

/** Does something before the first call of a method that a condition holds for; the migration has its own connections. */
function onFirst<M extends 'load' | 'writeEach'>(
  store: OpenStore,
  method: M,
  matches: (...args: Parameters<StorageStrategy[M]>) => boolean,
  act: () => Promise<unknown>,
) {
  const prototype = Object.getPrototypeOf(store.strategy) as StorageStrategy;
  const original = prototype[method] as (...args: unknown[]) => Promise<unknown>;
  let acted = false;
  const calls: Parameters<StorageStrategy[M]>[] = [];
  jest.spyOn(prototype, method).mockImplementation(async function (this: StorageStrategy, ...args: unknown[]) {
    calls.push(args as Parameters<StorageStrategy[M]>);
    if (!acted && matches(...(args as Parameters<StorageStrategy[M]>))) {
      acted = true;
      await act();
    }
    return original.apply(this, args) as never;
  } as never);
  return { calls, acted: () => acted };
}

describe.each([
  ['json', 'sqlite'],
  ['sqlite', 'postgresql'],
  ['postgresql', 'dynamodb'],
  ['dynamodb', 'json'],
] as const)('from %s to %s', (from, to) => {
  /** Changes of all kinds, once everything but the machines is copied. Returns the ids that were changed or added. */
  async function change({ repository }: OpenStore): Promise<void> {
    await repository.updateEntity('templates', 't-3', { name: 'Changed' });
    await repository.updateEntity('requests', 'r-70', { status: 'COMPLETED' });
    // A scan of the machines that has begun may meet them, before their request is in the target.
    await repository.saveEntity('templates', template({ template_id: 'z-t' }));
    await repository.saveEntity('requests', request('z-t', { request_id: 'z-r' }));
    for (const i of [1, 2, 3]) {
      await repository.saveEntity(
        'machines',
        machine({ request_id: 'z-r', template_id: 'z-t' }, { machine_id: `z-${i}` }),
      );
    }
    for (const id of ['r-98', 'r-99']) await repository.deleteEntity('requests', id);
  }

  async function migrated(deleteExtra: boolean) {
    await using stack = new AsyncDisposableStack();
    const source = stack.use(await factories[from].open());
    const target = stack.use(await factories[to].open());
    const folder = stack.use(await newFolder());
    await loadAll(source.strategy, entities);
    const { calls, acted } = onFirst(
      target,
      'load',
      (collection) => collection === 'machines',
      () => change(source),
    );
    let copied: number | undefined;
    const options = optionsOf(source, target, folder.path, {
      section,
      settings: { delete_extra: deleteExtra },
      progress: (phase) => {
        if (phase === 'compare') copied ??= calls.length;
      },
    });
    const report = await migrateRepository(options);
    expect(acted()).toBe(true);
    const again = calls
      .slice(copied)
      .flatMap(([collection, loaded]) => loaded.map((entity) => idOf(collection, entity)));
    const opened = stack.move();
    return { source, target, report, again, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  }

  test('what was changed and added is copied again, and only that; what was deleted is reported', async () => {
    await using done = await migrated(false);
    const { report, again, source, target } = done;
    expect(again).toEqual(expect.arrayContaining(['t-3', 'r-70']));
    const changed = ['r-70', 't-3', 'z-1', 'z-2', 'z-3', 'z-r', 'z-t'];
    expect(again.filter((id) => !changed.includes(id))).toEqual([]);
    expect(again).toHaveLength(new Set(again).size);
    expect(report).toMatchObject({
      outcome: 'differences',
      validation: {
        templates: 11,
        repaired: again.length,
        differences: { missing: 0, different: 0, newer: 0, extra: 2 },
      },
    });
    expect(report.validation?.listed.map(({ id, kind }) => `${kind} ${id}`).sort()).toEqual([
      'extra r-98',
      'extra r-99',
    ]);
    const [wanted, found] = [await contentsOf(source.strategy), await contentsOf(target.strategy)];
    expect(found.filter((text) => !wanted.includes(text))).toHaveLength(2);
    expect(wanted.filter((text) => !found.includes(text))).toEqual([]);
  });

  test('what was deleted is deleted from the target too, where that is wanted', async () => {
    await using done = await migrated(true);
    const { report, again, source, target } = done;
    expect(report).toMatchObject({
      outcome: 'succeeded',
      validation: { repaired: again.length + 2, differences: { extra: 0 }, listed: [] },
    });
    expect(unlike(await contentsOf(target.strategy), await contentsOf(source.strategy))).toEqual([]);
  });

  test('an entity that is newer in the target stays', async () => {
    await using source = await factories[from].open();
    await using target = await factories[to].open();
    await using folder = await newFolder();
    await loadAll(source.strategy, entities);
    onFirst(
      target,
      'load',
      (collection) => collection === 'machines',
      () => target.repository.updateEntity('requests', 'r-05', { status: 'NEWER' }),
    );
    const report = await migrateRepository(optionsOf(source, target, folder.path, { section }));
    expect(report).toMatchObject({
      outcome: 'differences',
      validation: { repaired: 0, listed: [{ collection: 'requests', id: 'r-05', kind: 'newer' }] },
    });
    const found = await target.repository.getEntity('requests', 'r-05');
    expect(found).toMatchObject({ status: 'NEWER', version: 4 });
  });

  describe('cleanup of the source', () => {
    const cleanup = { section: { ...section, cleanup_source: true } };

    test('children first; what was changed or added after the comparison stays, with its parents', async () => {
      await using source = await factories[from].open();
      await using target = await factories[to].open();
      await using folder = await newFolder();
      await loadAll(source.strategy, entities);
      const { repository } = source;
      const { calls, acted } = onFirst(
        source,
        'writeEach',
        () => true,
        async () => {
          await repository.updateEntity('machines', 'm-017', { status: 'STOPPED' });
          await repository.saveEntity(
            'machines',
            machine({ request_id: 'r-95', template_id: 't-5' }, { machine_id: 'm-added' }),
          );
          await repository.updateEntity('templates', 't-9', { name: 'Changed' });
        },
      );
      const report = await migrateRepository(optionsOf(source, target, folder.path, cleanup));
      expect(acted()).toBe(true);
      expect(report.outcome).toBe('succeeded');
      const left = async (collection: CollectionName, field: string) =>
        (await repository.queryEntities(collection, { orderBy: field })).items.map(
          (entity) => (entity as Entity)[field],
        );
      expect(await left('machines', 'machine_id')).toEqual(['m-017', 'm-added']);
      expect(await left('requests', 'request_id')).toEqual(['r-17', 'r-95']);
      expect(await left('templates', 'template_id')).toEqual(['t-5', 't-7', 't-9']);
      expect(report.removed).toBe(299 + 98 + 7);
      const deletions = calls.flatMap(([lists]) => lists.flat()).filter(({ kind }) => kind === 'delete');
      const order = deletions.map(({ collection }) => collection);
      expect(order.filter((name, i) => name !== order[i - 1])).toEqual(['machines', 'requests', 'templates']);
      expect(await target.repository.countEntities('machines')).toEqual({ count: 300 });
      expect(await target.repository.getEntity('machines', 'm-017')).toMatchObject({ version: 3 });
    });

    test('nothing is deleted where the comparison was not clean', async () => {
      await using source = await factories[from].open();
      await using target = await factories[to].open();
      await using folder = await newFolder();
      await loadAll(source.strategy, entities);
      await target.repository.saveEntity('templates', template({ template_id: 'extra' }));
      const report = await migrateRepository(
        optionsOf(source, target, folder.path, { ...cleanup, settings: { merge: true } }),
      );
      expect(report).toMatchObject({ outcome: 'differences', validation: { differences: { extra: 1 } } });
      expect(report.removed).toBeUndefined();
      expect((await contentsOf(source.strategy)).length).toBe(410);
    });
  });
});

test('a cleanup that the source interrupts is resumed, and says so', async () => {
  await using source = await factories.json.open();
  await using target = await factories.sqlite.open();
  await using folder = await newFolder();
  await loadAll(source.strategy, entities);
  const options = optionsOf(source, target, folder.path, {
    section: { ...section, cleanup_source: true },
    id: 'migration-1',
  });
  const prototype = Object.getPrototypeOf(source.strategy) as StorageStrategy;
  const { writeEach } = prototype;
  const failing = jest.spyOn(prototype, 'writeEach').mockImplementation(async function (this: StorageStrategy, lists) {
    if (lists[0]?.[0]?.collection === 'machines') return writeEach.call(this, lists);
    return lists.map(() => ({ error: new StorageUnavailableError('The disk is away.') }));
  });
  const error = await rejection(migrateRepository(options));
  expect(error.message).toBe(
    'The disk is away. 410 entities are copied. Go on with: hfstorage migrateRepository --resume migration-1',
  );
  failing.mockRestore();
  const load = jest.spyOn(Object.getPrototypeOf(target.strategy) as StorageStrategy, 'load');
  expect(await resumeMigration('migration-1', options)).toMatchObject({
    outcome: 'succeeded',
    removed: 410,
    validation: { machines: 300, listed: [] },
  });
  expect(load).not.toHaveBeenCalled();
  expect(await contentsOf(source.strategy)).toEqual([]);
  expect((await contentsOf(target.strategy)).length).toBe(410);
});
