import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import type { CutRule } from '../../../backends/cutting-proxy.ts';
import { saveAll, template } from '../../../contract/samples.ts';
import { everyCut } from './every-cut.ts';
import { openBehindProxy } from './store-behind-proxy.ts';

const IDS = ['a', 'b', 'c'];

const reads: readonly (readonly [string, (store: StorageRepository) => Promise<unknown>])[] = [
  ['getEntity', (store) => store.getEntity('templates', 'a')],
  ['getEntities', (store) => store.getEntities('templates', [...IDS, 'none'])],
  ['queryEntities', (store) => store.queryEntities('templates', { filters: { name: 'Standard' }, limit: 2 })],
  ['countEntities', (store) => store.countEntities('templates', { groupBy: 'name' })],
  ['scan', (store) => store.strategy.scan('templates', { segment: 0, segments: 1, limit: 2 })],
  ['health', (store) => store.health()],
];

describe.each<CutRule>([{ how: 'before' }, { how: 'after' }, { from: 'server', how: 'before' }])(
  'cut by %j',
  (rule) => {
    test.each(reads)('%s is retried on a new connection, whichever message breaks the old one', async (_, read) => {
      await using behind = await openBehindProxy();
      const { store, proxy, direct } = behind;
      await saveAll(
        direct,
        'templates',
        IDS.map((template_id) => template({ template_id })),
      );
      const expected = await read(store);
      const cuts: string[] = [];
      for await (const cut of everyCut(proxy, rule)) {
        proxy.cut();
        // Opens a connection with another statement, so that the one under test is not prepared there yet.
        await store.getEntities('requests', ['none', 'neither']);
        cut.arm();
        expect(await read(store)).toEqual(expected);
        if (cut.message !== undefined) cuts.push(cut.message);
      }
      // Parse, Bind, Describe, Execute and Sync; and at least as many answers.
      expect(cuts.length).toBeGreaterThanOrEqual(5);
    });
  },
);

test('idle connections that die are replaced silently', async () => {
  await using behind = await openBehindProxy({ pool_size: 3 });
  const { store, proxy, direct } = behind;
  const inParallel = <T>(call: (i: number) => Promise<T>): Promise<T[]> => Promise.all([0, 1, 2].map(call));
  await inParallel(() => store.health());
  expect(proxy.connections).toBe(3);
  proxy.cut();
  // Until this side has noticed it.
  await sleep(100);
  await inParallel((i) => store.saveEntity('templates', template({ template_id: `new-${i}` })));
  expect(await direct.countEntities('templates')).toEqual({ count: 3 });
});
