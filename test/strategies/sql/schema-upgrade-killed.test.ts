import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { isTrial } from '../../trials.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { addMachines, createFormer, formerRows } from './former-database.ts';
import { Opener } from './opener.ts';

const MACHINES = isTrial ? 50_000 : 15_000;

const migrations = (database: TestDatabase) =>
  database.run('SELECT number FROM storage_migrations ORDER BY number').catch(() => []);

describe.each(databaseKinds)('$name', (kind) => {
  const createLarge = async (): Promise<TestDatabase> => {
    const database = await createFormer(kind);
    await addMachines(kind.name, database, MACHINES);
    return database;
  };

  test('an upgrade that is killed five times loses nothing and is completed by the next start', async () => {
    await using untroubled = await createLarge();
    const start = performance.now();
    await (await openRepository(untroubled.storage())).close();
    const took = performance.now() - start;

    await using database = await createLarge();
    const openers = await Promise.all(Array.from({ length: 5 }, () => Opener.start()));
    let interrupted = 0;
    for (const [i, opener] of openers.entries()) {
      await opener.begin(database.storage());
      await sleep((i / openers.length) * took);
      await opener.kill();
      if ((await migrations(database)).length < 3) interrupted++;
    }
    expect(interrupted).toBeGreaterThan(0);
    await using repository = await openRepository(database.storage());
    expect(await migrations(database)).toEqual(await migrations(untroubled));
    const machines = async (of: TestDatabase) =>
      JSON.stringify(await of.run('SELECT * FROM machines ORDER BY machine_id'));
    expect((await machines(database)) === (await machines(untroubled))).toBe(true);
    expect(await repository.countEntities('machines', { groupBy: 'status' })).toEqual({
      count: MACHINES + formerRows.filter(({ table }) => table === 'machines').length,
      groups: { PENDING: Math.floor(MACHINES / 3), RUNNING: MACHINES - Math.floor(MACHINES / 3) + 2 },
    });
    expect(await repository.getEntity('machines', `many-${MACHINES - 1}`)).toMatchObject({
      version: 1,
      private_ip: `10.0.${MACHINES - 1}`,
    });
  });
});
