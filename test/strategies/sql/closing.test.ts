import { expect, test } from '@jest/globals';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { template } from '../../contract/samples.ts';
import { databaseKinds } from './databases.ts';

test.each(databaseKinds)('$name: closing waits for running calls, which succeed', async ({ create }) => {
  await using database = await create();
  const repository = await openRepository(database.storage({ settings: { pool_timeout: 3 } }));
  const reads = Array.from({ length: 30 }, () => repository.queryEntities('requests'));
  const transaction = repository.transaction(async (tx) => {
    await tx.saveEntity('templates', template());
    return tx.countEntities('templates');
  });
  const closing = repository.close();
  expect(await Promise.all(reads)).toEqual(reads.map(() => ({ items: [] })));
  expect(await transaction).toEqual({ count: 1 });
  await closing;
});
