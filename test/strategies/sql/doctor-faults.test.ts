import { readFile, writeFile } from 'node:fs/promises';
import { describe, expect, test } from '@jest/globals';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { freePort } from '../../backends/kept-process.ts';
import { saveAll, template } from '../../contract/samples.ts';
import { damage } from './damage.ts';
import { postgresql, sqlite, type TestDatabase } from './databases.ts';
import { doctor, doctorForPeople } from './run-doctor.ts';

const NOT_CHECKED = 'They were not checked because the store has errors.';

async function filled(database: TestDatabase): Promise<void> {
  await using repository = await openRepository(database.storage());
  const entities = Array.from({ length: 500 }, () => template({ attributes: { filler: 'x'.repeat(200) } }));
  await saveAll(repository, 'templates', entities);
}

async function indexPage(database: TestDatabase): Promise<number> {
  const [index] = await database.run("SELECT rootpage FROM sqlite_master WHERE name = 'templates_created_at_index'");
  return Number(index?.rootpage);
}

describe('hfstorage doctor on SQLite', () => {
  test.each([
    ['in the middle', async () => undefined, /is not a sound SQLite database \(database disk image is malformed\)/],
    ['of an index', indexPage, /^SQLite finds the file damaged: .*Tree \d+ page \d+/s],
  ])('a damaged page %s is an error, and nothing is changed', async (_, page, message) => {
    await using database = await sqlite.create();
    await filled(database);
    const path = database.config.name;
    await damage(path, await page(database));
    const damaged = await readFile(path);
    for (const args of [[], ['--repair']]) {
      const { code, errors, warnings } = await doctor(database.storage(), ...args);
      expect({ code, warnings }).toEqual({ code: 3, warnings: [NOT_CHECKED] });
      expect(errors).toEqual([expect.stringMatching(message)]);
    }
    expect(damaged.equals(await readFile(path))).toBe(true);
  });

  test.each([
    ['a text', 'This was never a database.\n'.repeat(1000)],
    ['a database without its first page', undefined],
  ])('a file that is not a database is an error: %s', async (_, content) => {
    await using database = await sqlite.create();
    await filled(database);
    const path = database.config.name;
    const file = content === undefined ? (await readFile(path)).subarray(4096) : Buffer.from(content);
    await writeFile(path, file);
    const { code, errors, warnings } = await doctor(database.storage(), '--repair');
    expect({ code, warnings }).toEqual({ code: 3, warnings: [NOT_CHECKED] });
    expect(errors).toEqual([
      `${path} is not a sound SQLite database (file is not a database). Stop the service, keep a copy of the file, and restore a backup.`,
    ]);
    expect(file.equals(await readFile(path))).toBe(true);
  });

  test('a path below a file is an error that names it', async () => {
    await using database = await sqlite.create();
    await filled(database);
    const name = `${database.config.name}/store.db`;
    const { code, errors } = await doctor(database.storage({ settings: { name } }));
    expect({ code, errors }).toEqual({ code: 3, errors: [expect.stringContaining(name)] });
  });
});

describe('hfstorage doctor on PostgreSQL', () => {
  test('an invalid index is reported, and --repair creates it again', async () => {
    await using database = await postgresql.create();
    await filled(database);
    // What CREATE INDEX CONCURRENTLY leaves behind if it fails.
    await database.run(
      "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'templates_created_at_index'::regclass",
    );
    const { code, warnings } = await doctor(database.storage());
    expect({ code, warnings }).toEqual({
      code: 0,
      warnings: [
        expect.stringContaining(
          'The index templates_created_at_index on (created_at, template_id) is missing or not valid',
        ),
      ],
    });
    expect(await doctor(database.storage(), '--repair')).toMatchObject({ code: 0, warnings: [] });
  });

  test.each([
    [
      'a server that does not answer',
      async () => ({ port: await freePort() }),
      'cannot be reached: no server is listening at this address',
    ],
    ['a missing database', async () => ({ name: 'nowhere' }), 'has no database "nowhere"'],
    ['a password that is wrong', async () => ({ password: 'wrong' }), 'refused the login'],
  ])('%s is an error', async (_, changes, message) => {
    await using database = await postgresql.create();
    const config = database.storage({ settings: await changes() });
    const { code, errors, warnings } = await doctor(config, '--repair');
    expect({ code, warnings }).toEqual({ code: 3, warnings: [NOT_CHECKED] });
    expect(errors).toEqual([expect.stringContaining(message)]);
    const people = await doctorForPeople(config);
    expect(people).toMatchObject({ code: 3, stderr: '1 error, 1 warning.\n' });
    expect(people.stdout).toContain(message);
  });
});
