import { expect } from '@jest/globals';
import { onEveryRepository, testIfCapable } from './on-every-store.ts';
import { queryAll } from './paging.ts';
import { rejection } from './rejection.ts';
import { request, saveRequest, saveTemplate, template } from './samples.ts';

onEveryRepository((store, { capabilities: { queriesInTransactions } }) => {
  const testQueries = testIfCapable(queriesInTransactions, 'the store cannot protect queries from phantoms');
  const testRefusal = testIfCapable(!queriesInTransactions, 'the store protects queries from phantoms');

  testRefusal('queries and counts inside a transaction are refused', async () => {
    const { repository } = store();
    const fresh = template();
    for (const name of ['queryEntities', 'countEntities'] as const) {
      const error = await rejection(
        repository.transaction(async (tx) => {
          await tx.saveEntity('templates', fresh);
          await tx[name]('templates');
        }),
      );
      expect(error.code).toBe('unsupported_operation');
      expect(await repository.getEntity('templates', fresh.template_id)).toBeUndefined();
    }
  });

  testQueries('queries and counts see what the transaction wrote', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const filters = { template_id };
    const [a, b, c] = [request(template_id), request(template_id), request(template_id)];
    await repository.saveEntity('requests', a);
    await repository.saveEntity('requests', b);
    await repository.transaction(async (tx) => {
      await tx.saveEntity('requests', c);
      await tx.deleteEntity('requests', a.request_id);
      const changed = await tx.updateEntity('requests', b.request_id, { status: 'CHANGED' });
      const found = await queryAll(tx, 'requests', { filters, orderBy: 'request_id', limit: 1 });
      expect(found.map(({ request_id }) => request_id)).toEqual([b.request_id, c.request_id]);
      expect(found[0]).toEqual(changed);
      expect(await tx.countEntities('requests', { filters, groupBy: 'status' })).toEqual({
        count: 2,
        groups: { CHANGED: 1, PENDING: 1 },
      });
      const { items } = await tx.queryEntities('requests', { filters: { ...filters, status: 'CHANGED' } });
      expect(items).toEqual([changed]);
    });
  });

  testQueries('what a query in a rolled-back transaction saw is gone', async () => {
    const { repository } = store();
    const { template_id } = await saveRequest(repository);
    const filters = { template_id };
    const failing = repository.transaction(async (tx) => {
      await tx.saveEntity('requests', request(template_id));
      expect(await tx.countEntities('requests', { filters })).toEqual({ count: 2 });
      throw new Error('back');
    });
    await expect(failing).rejects.toThrow('back');
    expect(await repository.countEntities('requests', { filters })).toEqual({ count: 1 });
  });

  testQueries('two transactions that count and then add up to a limit never pass it', async () => {
    const { repository } = store();
    const other = await store().second();
    const { template_id } = await saveTemplate(repository);
    const LIMIT = 3;
    const addOne = (to: typeof repository) =>
      to.transaction(async (tx) => {
        const { count } = await tx.countEntities('requests', { filters: { template_id } });
        await new Promise((resolve) => setTimeout(resolve, 5));
        if (count < LIMIT) await tx.saveEntity('requests', request(template_id));
      });
    await Promise.all(Array.from({ length: 8 }, (_, i) => addOne(i % 2 === 0 ? repository : other)));
    expect(await repository.countEntities('requests', { filters: { template_id } })).toEqual({ count: LIMIT });
  });
});
