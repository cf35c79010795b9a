import { expect, test } from '@jest/globals';
import { UnsupportedOperationError } from '../../lib/repository/errors.ts';
import type { Scanner } from '../../lib/repository/storage-strategy.ts';
import { onEveryStore, testIfCapable } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { saveTemplate } from './samples.ts';

async function idsOf(scanner: Scanner, limit = 2): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const page = await scanner.scan('templates', { segment: 0, segments: 1, limit, cursor });
    ids.push(...page.items.map(({ template_id }) => String(template_id)));
    cursor = page.cursor;
  } while (cursor !== undefined);
  return ids;
}

onEveryStore((_, factory) => {
  const { snapshotReads } = factory.capabilities;
  const testSnapshot = testIfCapable(snapshotReads, 'the store cannot show one moment');

  testSnapshot('a snapshot stays as it was, whatever is written meanwhile', async () => {
    await using open = await factory.open();
    const { repository, strategy } = open;
    const saved = [];
    for (let i = 0; i < 5; i++) saved.push(await saveTemplate(repository));
    const [first, second] = saved as [(typeof saved)[0], (typeof saved)[0]];
    await using snapshot = await strategy.snapshot();
    const page = await snapshot.scan('templates', { segment: 0, segments: 1, limit: 2 });
    await repository.updateEntity('templates', first.template_id, { name: 'Changed' });
    await repository.deleteEntity('templates', second.template_id);
    const added = await saveTemplate(repository);
    await using other = { repository: await open.second(), [Symbol.asyncDispose]: async () => {} };
    await other.repository.saveEntity('templates', { ...first, name: 'Again', version: 2 });
    expect((await idsOf(snapshot)).sort()).toEqual(saved.map(({ template_id }) => template_id).sort());
    const { items } = await snapshot.scan('templates', { segment: 0, segments: 1, limit: 100 });
    expect(items).toEqual(expect.arrayContaining(saved));
    expect(items).toHaveLength(5);
    expect(page.items).toHaveLength(2);
    expect(await idsOf(strategy)).toContain(added.template_id);
    expect(await idsOf(strategy)).not.toContain(second.template_id);
  });

  testSnapshot('segments of a snapshot hold every entity once', async () => {
    await using open = await factory.open();
    const ids = [];
    for (let i = 0; i < 9; i++) ids.push((await saveTemplate(open.repository)).template_id);
    await using snapshot = await open.strategy.snapshot();
    const found: string[] = [];
    for (let segment = 0; segment < 3; segment++) {
      const { items } = await snapshot.scan('templates', { segment, segments: 3, limit: 100 });
      found.push(...items.map(({ template_id }) => String(template_id)));
    }
    expect(found.sort()).toEqual(ids.sort());
  });

  if (!snapshotReads) {
    test('a store without snapshots reports that', async () => {
      await using open = await factory.open();
      expect(await rejection(open.strategy.snapshot())).toBeInstanceOf(UnsupportedOperationError);
    });
  }
});
