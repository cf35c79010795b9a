/** Databases of other programs whose tables have the same names as ours: refused before anything is changed. */
import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../../lib/repository/errors.ts';
import { problemAnswer } from '../../../lib/service/http/problems.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { knownColumns } from '../../../lib/strategies/sql/known-tables.ts';
import { tables } from '../../../lib/strategies/sql/schema.ts';
import { rejection } from '../../contract/rejection.ts';
import { template } from '../../contract/samples.ts';
import { schemaOf } from './catalog.ts';
import { databaseKinds, sqlite, type TestDatabase } from './databases.ts';
import { createFormer } from './former-database.ts';
import { createOriginal } from './original-tables.ts';
import { doctor } from './run-doctor.ts';

const open = async (database: TestDatabase): Promise<void> => (await openRepository(database.storage())).close();

describe.each(databaseKinds)('$name', (kind) => {
  test('the tables of the original are refused with their names, and not changed', async () => {
    await using database = await createOriginal(kind);
    const before = await schemaOf(kind.name, database);
    const error = await rejection(open(database));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error).toMatchObject({ retryable: false });
    expect(error.message).toContain(database.config.name);
    expect(error.message).toContain('templates with the unknown columns is_active, max_instances;');
    expect(error.message).toContain('requests with the unknown columns requested_count, provider_type;');
    expect(error.message).toContain('machines with the unknown columns provider_name. Name another database');
    for (const repair of [[], ['--repair']]) {
      const { code, errors } = await doctor(database.storage(), ...repair);
      expect({ code, errors }).toEqual({ code: 3, errors: [error.message] });
    }
    expect(await schemaOf(kind.name, database)).toEqual(before);
    // The answer to a client of the service.
    const { status, headers, body } = problemAnswer(error);
    expect({ status, retry: headers?.['Retry-After'] }).toEqual({ status: 500, retry: undefined });
    expect(JSON.stringify(body)).not.toMatch(/requested_count|store\.db|hfstorage-sql/);
  });

  test("SPEC.md's own tables are refused if an upgrade would meet foreign columns", async () => {
    await using database = await createFormer(kind);
    await database.run('ALTER TABLE requests ADD COLUMN cost_center VARCHAR(20)');
    const before = await schemaOf(kind.name, database);
    const error = await rejection(open(database));
    expect(error).toBeInstanceOf(ConfigurationError);
    expect(error.message).toContain('left unchanged: requests with the unknown columns cost_center. Name');
    expect(await schemaOf(kind.name, database)).toEqual(before);
    await database.run('ALTER TABLE requests DROP COLUMN cost_center');
    await open(database);
  });

  test('tables that lack columns of SPEC.md are refused', async () => {
    await using database = await createFormer(kind);
    await database.run('ALTER TABLE machines DROP COLUMN public_ip');
    const { message } = await rejection(open(database));
    expect(message).toContain('left unchanged: machines without the columns public_ip. Name');
  });

  test('our own tables are opened even with foreign columns, and without the record of their migrations', async () => {
    await using database = await kind.create();
    await open(database);
    await database.run('ALTER TABLE requests ADD COLUMN cost_center VARCHAR(20)');
    await open(database);
    await database.run('DROP TABLE storage_migrations');
    await using repository = await openRepository(database.storage());
    await repository.saveEntity('templates', template({ template_id: 't-1' }));
  });

  test('additional tables do not matter', async () => {
    await using database = await kind.create();
    await database.run('CREATE TABLE audit_log (id INTEGER PRIMARY KEY)');
    await open(database);
  });
});

test('the newest known columns are those of the model', () => {
  for (const { name, columns } of tables) {
    expect([...(knownColumns(name).at(-1) ?? [])].sort()).toEqual(columns.map((column) => column.name).sort());
  }
});

describe('a SQLite file of another program', () => {
  const stateOf = async ({ config: { name } }: TestDatabase) => ({
    sha256: createHash('sha256')
      .update(await readFile(name))
      .digest('hex'),
    files: await readdir(dirname(name)),
  });

  const refuse = async (database: TestDatabase): Promise<void> => {
    const before = await stateOf(database);
    expect(await rejection(open(database))).toBeInstanceOf(ConfigurationError);
    expect((await doctor(database.storage(), '--repair')).code).toBe(3);
    expect(await stateOf(database)).toEqual(before);
  };

  test('keeps every byte, and no file is left beside it', async () => {
    await using database = await createOriginal(sqlite);
    await refuse(database);
    await database.run('PRAGMA journal_mode = WAL');
    await refuse(database);
  });

  test('keeps the content of its write-ahead log', async () => {
    await using database = await createOriginal(sqlite);
    const owner = new DatabaseSync(database.config.name);
    try {
      owner.exec('PRAGMA journal_mode = WAL; PRAGMA wal_autocheckpoint = 0; ALTER TABLE machines ADD COLUMN own TEXT');
      await refuse(database);
    } finally {
      owner.close();
    }
  });

  test('with text in UTF-16 keeps its journal mode', async () => {
    await using database = await sqlite.create();
    await database.script("PRAGMA encoding = 'UTF-16le'; CREATE TABLE own (id INTEGER)");
    await refuse(database);
  });
});
