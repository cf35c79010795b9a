import { expect, test } from '@jest/globals';
import type { CollectionName } from '../../lib/model/collections.ts';
import type { Entity } from '../../lib/model/entities.ts';
import { idOf } from '../../lib/repository/guarded-write.ts';
import type { StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { onEveryStore } from './on-every-store.ts';
import { machine, saveAll, saveRequest, template } from './samples.ts';

/** The pages of one segment. */
async function* segmentPages(
  strategy: StorageStrategy,
  collection: CollectionName,
  options: { readonly segment: number; readonly segments: number; readonly limit: number },
): AsyncGenerator<Entity[]> {
  let cursor: string | undefined;
  do {
    const page = await strategy.scan(collection, { ...options, cursor });
    expect(page.items.length).toBeLessThanOrEqual(options.limit);
    yield page.items;
    ({ cursor } = page);
  } while (cursor !== undefined);
}

async function scanAll(strategy: StorageStrategy, collection: CollectionName, segments: number, limit: number) {
  const all: Entity[] = [];
  for (let segment = 0; segment < segments; segment++) {
    for await (const page of segmentPages(strategy, collection, { segment, segments, limit })) all.push(...page);
  }
  return all;
}

const byId = (collection: CollectionName, entities: readonly Entity[]): Entity[] =>
  entities.toSorted((a, b) => (idOf(collection, a) < idOf(collection, b) ? -1 : 1));

const ids = ['__proto__', 'constructor', 'a/b', '漢', '😀', ' ', ...Array.from({ length: 60 }, (_, i) => `t${i}`)];

onEveryStore((_, factory) => {
  test('an empty collection has no entities in any segment', async () => {
    await using open = await factory.open();
    expect(await scanAll(open.strategy, 'machines', 1, 10)).toEqual([]);
    expect(await scanAll(open.strategy, 'machines', 4, 10)).toEqual([]);
  });

  test('the segments together hold every entity once, as stored', async () => {
    await using open = await factory.open();
    const entities = ids.map((id) => template({ template_id: id, extra: { of: id } }));
    await saveAll(open.repository, 'templates', entities);
    const { items } = await open.repository.getEntities('templates', ids);
    const stored = byId('templates', items);
    for (const [segments, limit] of [
      [1, 1000],
      [1, 7],
      [3, 5],
      [8, 1],
      [100, 10],
    ] as const) {
      const scanned = await scanAll(open.strategy, 'templates', segments, limit);
      expect(byId('templates', scanned)).toStrictEqual(stored);
    }
    expect(await scanAll(open.strategy, 'requests', 2, 10)).toEqual([]);
  });

  test('a cursor continues after the store was opened again', async () => {
    await using open = await factory.open();
    await saveAll(
      open.repository,
      'templates',
      ids.map((id) => template({ template_id: id })),
    );
    const options = { segment: 1, segments: 2, limit: 6 };
    const whole: Entity[] = [];
    for await (const page of segmentPages(open.strategy, 'templates', options)) whole.push(...page);
    expect(whole.length).toBeGreaterThan(options.limit);
    const first = await open.strategy.scan('templates', options);
    await open.reopen();
    const rest = await open.strategy.scan('templates', { ...options, limit: 1000, cursor: first.cursor });
    expect(rest.cursor).toBeUndefined();
    expect([...first.items, ...rest.items]).toEqual(whole);
  });

  test('an entity that stays is returned exactly once while others come, change and go', async () => {
    await using open = await factory.open();
    const { repository, strategy } = open;
    const parent = await saveRequest(repository);
    const staying = Array.from({ length: 30 }, (_, i) => machine(parent, { machine_id: `stay-${i}` }));
    const going = Array.from({ length: 30 }, (_, i) => machine(parent, { machine_id: `go-${i}` }));
    await saveAll(repository, 'machines', [...going, ...staying]);
    const met: string[] = [];
    let round = 0;
    for (const segment of [0, 1]) {
      for await (const page of segmentPages(strategy, 'machines', { segment, segments: 2, limit: 4 })) {
        met.push(...page.map(({ machine_id }) => machine_id as string));
        await repository.saveEntity('machines', machine(parent, { machine_id: `come-${round}` }));
        await repository.updateEntity('machines', `stay-${(round * 7) % 30}`, { status: `ROUND_${round}` });
        if (round < 30) await repository.deleteEntity('machines', `go-${29 - round}`);
        round += 1;
      }
    }
    expect(new Set(met).size).toBe(met.length);
    const metStaying = met.filter((id) => id.startsWith('stay-'));
    expect(metStaying.toSorted()).toEqual(staying.map(({ machine_id }) => machine_id).toSorted());
  });
});
