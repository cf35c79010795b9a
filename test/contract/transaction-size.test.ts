import { describe, expect, test } from '@jest/globals';
import { TransactionTooLargeError } from '../../lib/repository/errors.ts';
import type { Transaction } from '../../lib/repository/repository.ts';
import { onEveryRepository, testIfCapable } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveAll, saveRequest, saveTemplate, template } from './samples.ts';

const times = async (count: number, action: () => Promise<unknown>): Promise<void> => {
  for (let i = 0; i < count; i++) await action();
};

/** One more entity, by each kind of operation. */
const oneMore: readonly [string, (tx: Transaction) => Promise<unknown>][] = [
  ['a save', (tx) => tx.saveEntity('templates', template())],
  ['a read of nothing', (tx) => tx.getEntity('templates', newId('t'))],
  ['a check', (tx) => tx.checkEntity('templates', newId('t'), { expectedVersion: 0 })],
];

onEveryRepository((store, { capabilities, reach }) => {
  describe('100 entities are the limit', () => {
    test.each(oneMore)('%s: 100 are committed', async (_, action) => {
      const { repository } = store();
      const first = template();
      await repository.transaction(async (tx) => {
        await tx.saveEntity('templates', first);
        await times(99, () => action(tx));
      });
      expect(await repository.getEntity('templates', first.template_id)).toMatchObject({ version: 1 });
    });

    test.each(oneMore)('%s: 101 are refused, and nothing is stored', async (_, action) => {
      const { repository } = store();
      const first = template();
      const error = await rejection(
        repository.transaction(async (tx) => {
          await tx.saveEntity('templates', first);
          await times(100, () => action(tx));
        }),
      );
      expect(error).toBeInstanceOf(TransactionTooLargeError);
      expect(error).toMatchObject({ code: 'transaction_too_large', retryable: false });
      expect(await repository.getEntity('templates', first.template_id)).toBeUndefined();
    });
  });

  const testOften = testIfCapable(reach.manyWrites, 'each write counts');
  testOften('an entity counts once, however often it is touched', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    await repository.transaction(async (tx) => {
      await times(150, () => tx.getEntity('templates', template_id));
      await times(3, () => tx.updateEntity('templates', template_id, { name: 'Again' }));
      await times(99, () => tx.saveEntity('templates', template()));
    });
    expect((await repository.getEntity('templates', template_id))?.version).toBe(4);
  });

  test('parents that must exist count: 98 machines of one request and template', async () => {
    const { repository } = store();
    const parent = await saveRequest(repository);
    const saveMachines = (count: number) =>
      repository.transaction((tx) => times(count, () => tx.saveEntity('machines', machine(parent))));
    await saveMachines(98);
    const countAll = () => repository.countEntities('machines', { filters: { request_id: parent.request_id } });
    expect(await countAll()).toEqual({ count: 98 });
    expect(await rejection(saveMachines(99))).toBeInstanceOf(TransactionTooLargeError);
    expect(await countAll()).toEqual({ count: 98 });
  });

  const testQueries = testIfCapable(
    capabilities.queriesInTransactions,
    'the store cannot protect queries from phantoms',
  );
  testQueries('what a query returns counts', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const requests = Array.from({ length: 101 }, () => request(template_id));
    await saveAll(repository, 'requests', requests);
    const queryIn = (limit: number) =>
      repository.transaction((tx) => tx.queryEntities('requests', { filters: { template_id }, limit }));
    expect((await queryIn(100)).items).toHaveLength(100);
    expect(await rejection(queryIn(101))).toBeInstanceOf(TransactionTooLargeError);
  });
});
