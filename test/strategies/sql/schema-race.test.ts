import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../../lib/repository/errors.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { template } from '../../contract/samples.ts';
import { schemaOf } from './catalog.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { createFormer, formerRows } from './former-database.ts';
import { Opener } from './opener.ts';

const migrations = async (database: TestDatabase): Promise<number[]> =>
  (await database.run('SELECT number FROM storage_migrations ORDER BY number')).map(({ number }) => Number(number));

describe('eight processes that open one database at the same moment', () => {
  let openers: Opener[];
  beforeAll(async () => {
    openers = await Promise.all(Array.from({ length: 8 }, () => Opener.start()));
  });
  afterAll(async () => {
    for (const opener of openers) await opener[Symbol.asyncDispose]();
  });

  const openTogether = async (database: TestDatabase): Promise<(string | undefined)[]> => {
    await Promise.all(openers.map((opener) => opener.begin(database.storage())));
    return Promise.all(openers.map((opener) => opener.said()));
  };

  describe.each(databaseKinds)('$name', (kind) => {
    test('a new one: all succeed, and each migration is applied once', async () => {
      await using database = await kind.create();
      expect(await openTogether(database)).toEqual(openers.map(() => 'opened'));
      expect(await migrations(database)).toEqual([1, 2, 3]);
      await using repository = await openRepository(database.storage());
      await repository.saveEntity('templates', template());
    });

    test('one of the former program: all succeed, and each migration is applied once', async () => {
      await using database = await createFormer(kind);
      expect(await openTogether(database)).toEqual(openers.map(() => 'opened'));
      expect(await migrations(database)).toEqual([1, 2, 3]);
      await using repository = await openRepository(database.storage());
      for (const { table, id } of formerRows) {
        expect(await repository.getEntity(table, id)).toMatchObject({ version: 1 });
      }
    });
  });
});

test.each(databaseKinds)('$name: the database of a newer program is refused, and not changed', async (kind) => {
  await using database = await createFormer(kind);
  await (await openRepository(database.storage())).close();
  await database.run("INSERT INTO storage_migrations (number, name) VALUES (999, 'from the future')");
  const before = await schemaOf(kind.name, database);
  // Other settings of the foreign keys would change them on PostgreSQL.
  for (const enforceReferences of [true, false]) {
    const error = await rejection(openRepository(database.storage({ enforceReferences })));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain('A newer version of this program has upgraded the database to schema 999');
  }
  expect(await schemaOf(kind.name, database)).toEqual(before);
  expect(await migrations(database)).toEqual([1, 2, 3, 999]);
});
