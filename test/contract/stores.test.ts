/** The suite depends on isolated stores: a store that leaks would let tests pass and fail by chance. */
import { expect, test } from '@jest/globals';
import { onEveryRepository } from './on-every-store.ts';
import { saveTemplate } from './samples.ts';

onEveryRepository((_, factory) => {
  test('stores that are open at the same time share nothing', async () => {
    await using one = await factory.open();
    await using two = await factory.open();
    const saved = await saveTemplate(one.repository, { template_id: 'same id', name: 'of one' });
    expect(await two.repository.getEntity('templates', 'same id')).toBeUndefined();
    const other = await saveTemplate(two.repository, { template_id: 'same id', name: 'of two' });
    expect(other.version).toBe(1);
    expect(await one.repository.getEntity('templates', 'same id')).toEqual(saved);
  });

  test('a store that is opened after another was closed is empty', async () => {
    const first = await factory.open();
    await saveTemplate(first.repository);
    await first.close();
    await using second = await factory.open();
    expect(await second.repository.countEntities('templates')).toEqual({ count: 0 });
  });

  test('the declared capabilities are those of the store', async () => {
    await using open = await factory.open();
    if (open.strategy !== undefined) expect(open.strategy.capabilities).toEqual(factory.capabilities);
    expect(open.repository.capabilities).toEqual(factory.capabilities);
  });

  test('a second repository, a reopened one and one after a crash are other repositories on the same data', async () => {
    await using open = await factory.open();
    const saved = await saveTemplate(open.repository);
    const seen = new Set([open.repository, await open.second()]);
    await open.reopen();
    seen.add(open.repository);
    await open.crash();
    seen.add(open.repository);
    expect(seen.size).toBe(4);
    expect(await open.repository.getEntity('templates', saved.template_id)).toEqual(saved);
  });

  test('options reach the store', async () => {
    await using lax = await factory.open({ enforceReferences: false });
    const child = { request_id: 'r', template_id: 'nowhere', machine_count: 0, status: 'NEW' };
    expect((await lax.repository.saveEntity('requests', child)).version).toBe(1);
    await using strict = await factory.open();
    await expect(strict.repository.saveEntity('requests', child)).rejects.toThrow('nowhere');
  });
});
