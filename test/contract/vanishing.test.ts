/** A store that vanishes, is replaced or loses a table while it is open: never healthy, never empty, no save is lost. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { StorageUnavailableError } from '../../lib/repository/errors.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { onEveryStore } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { template } from './samples.ts';
import type { OpenStore } from './stores.ts';
import { vanishingMachines, vanishings } from './vanishing.ts';

/** Stores may trust a check that is this recent. */
const A_MOMENT_MS = 5;

const kept = template({ template_id: 'kept' });

const calls: Readonly<Record<string, (on: Repository, store: OpenStore) => Promise<unknown>>> = {
  get: (on) => on.getEntity('templates', 'kept'),
  'get of several': (on) => on.getEntities('templates', ['kept', 'other']),
  query: (on) => on.queryEntities('templates', { limit: 7 }),
  count: (on) => on.countEntities('templates', { filters: { name: 'another' } }),
  save: (on) => on.saveEntity('templates', template({ template_id: 'new' })),
  creation: (on) => on.saveEntity('templates', template({ template_id: 'new' }), { expectedVersion: 0 }),
  update: (on) => on.updateEntity('templates', 'kept', { max_number: 9 }),
  deletion: (on) => on.deleteEntity('templates', 'kept'),
  transaction: (on) => on.transaction((tx) => tx.saveEntity('templates', template({ template_id: 'new' }))),
  'creation of several': (on) =>
    on.createTogether(
      ['new', 'newer'].map((id) => ({ collection: 'templates', entity: template({ template_id: id }) })),
    ),
  load: (_, { strategy }) => strategy.load('templates', [{ ...kept, template_id: 'new', version: 3 }]),
  health: (on) => on.health(),
};

onEveryStore((_, { name, open }) => {
  test.each(Object.entries(vanishings(name)))('%s: every call fails until it is back', async (_what, vanish) => {
    await using store = await open();
    await store.repository.saveEntity('templates', kept);
    // Data files are written when a JSON store is closed; other stores need no reopening.
    if (name.startsWith('json')) await store.reopen();
    const before = await store.repository.saveEntity('templates', { ...kept, max_number: 2 });
    const back = await vanish(store);
    await sleep(A_MOMENT_MS);
    for (const [call, run] of Object.entries(calls)) {
      expect([call, await rejection(run(store.repository, store))]).toEqual([
        call,
        expect.any(StorageUnavailableError),
      ]);
    }
    const results = await store.repository
      .saveEntities('templates', [template({ template_id: 'new' })])
      .catch(() => [{ status: 'failed' }]);
    expect(results.map(({ status }) => status)).toEqual(['failed']);

    await back();
    await sleep(A_MOMENT_MS);
    await store.repository.health();
    expect(await store.repository.getEntity('templates', 'kept')).toEqual(before);
    await store.repository.saveEntity('templates', template({ template_id: 'after' }));
    await store.reopen();
    const { items, missing } = await store.repository.getEntities('templates', ['kept', 'new', 'newer', 'after']);
    expect(items.map(({ template_id }) => template_id)).toEqual(['kept', 'after']);
    expect(missing).toEqual(['new', 'newer']);
  });

  const vanishMachines = vanishingMachines(name);
  if (vanishMachines === undefined) return;
  test('health notices that a table is missing which no call needs now', async () => {
    await using store = await open();
    const { repository } = store;
    const back = await vanishMachines(store);
    await repository.saveEntity('templates', kept);
    expect(await repository.getEntity('templates', 'kept')).toMatchObject(kept);
    for (const failing of [repository.health(), repository.getEntity('machines', 'm')]) {
      const error = await rejection(failing);
      expect(error).toBeInstanceOf(StorageUnavailableError);
      expect(error.message).toContain('machines');
    }
    await back();
    await repository.health();
    expect(await repository.getEntity('machines', 'm')).toBeUndefined();
  });
});
