import { existsSync } from 'node:fs';
import { describe, expect, test } from '@jest/globals';
import type { Finding } from '../../../lib/repository/finding.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { request } from '../../contract/samples.ts';
import { schemaOf } from './catalog.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { createFormer } from './former-database.ts';
import { doctor, doctorForPeople } from './run-doctor.ts';

const createdStore = async (kind: (typeof databaseKinds)[number]): Promise<TestDatabase> => {
  const database = await kind.create();
  await (await openRepository(database.storage())).close();
  return database;
};

const upToDate = ['The schema is up to date, at migration 3.', 'Every index exists.'];
const PENDING =
  "Schema migrations are pending: 1 (tables), 2 (the store's own columns and exact types, for tables that were there " +
  'before), 3 (indexes).';

/** The messages about the connection, the size, and the use of connections or of the disk. */
const circumstances = {
  sqlite: [
    /^SQLite 3\.\d+\.\d+ answered in \d+\.\d ms\.$/,
    /^The database takes \d+\.\d MB, and its write-ahead log \d+\.\d MB\.$/,
    /^\d+\.\d MB of disk space are free; 100\.0 MB are advisable\.$/,
    /^SQLite finds the file sound \(quick_check\)\.$/,
  ],
  postgresql: [
    /^PostgreSQL \d+\.\d+ answered hfstorage in \d+\.\d ms; the connection is not encrypted\.$/,
    /^The database takes \d+ kB: templates \d+ kB, requests \d+ kB, machines \d+ kB\.$/,
    /^\d+ of the server's \d+ connections are in use, \d+ of them by hfstorage\. Each process with this configuration keeps up to 5 and opens up to 15\.$/,
  ],
};

describe.each(databaseKinds)('hfstorage doctor on $name', (kind) => {
  const { name } = kind;

  test('a sound database: connection, size, use, schema, indexes, entities', async () => {
    await using database = await createdStore(kind);
    const { code, ok, warnings, errors } = await doctor(database.storage());
    expect({ code, warnings, errors }).toEqual({ code: 0, warnings: [], errors: [] });
    expect(ok).toEqual([
      expect.stringMatching(/ is valid\.$/),
      ...circumstances[name].map((message) => expect.stringMatching(message)),
      ...upToDate,
      ...Array.from({ length: 3 }, () => '0 checked, no problems.'),
    ]);
  });

  test('a missing or empty database is not created', async () => {
    await using database = await kind.create();
    const { code, ok, warnings, errors } = await doctor(database.storage());
    expect({ code, errors }).toEqual({ code: 0, errors: [] });
    if (name === 'sqlite') {
      expect(existsSync(database.config.name)).toBe(false);
      expect(ok.at(-1)).toBe('The file does not exist yet; opening the store creates it.');
    } else {
      expect(await schemaOf(name, database)).toEqual([]);
      expect(warnings).toEqual([PENDING]);
    }
  });

  test('pending migrations are reported, and --repair applies them', async () => {
    await using database = await createFormer(kind);
    const before = await schemaOf(name, database);
    expect(await doctor(database.storage())).toMatchObject({ code: 0, warnings: [PENDING], errors: [] });
    expect(await schemaOf(name, database)).toEqual(before);
    const { code, repairs, warnings, ok } = await doctor(database.storage(), '--repair');
    expect(code).toBe(0);
    expect(repairs.map(({ message }) => message)).toEqual(expect.arrayContaining(upToDate));
    // A repair does not fix rows that break rules.
    expect(warnings).toEqual([
      'subnet_ids must be a list.',
      'attributes must be an object.',
      'metadata must be an object.',
    ]);
    expect(ok).toEqual(expect.arrayContaining(upToDate));
  });

  test('a missing index and one on other columns are reported, and --repair creates them', async () => {
    await using database = await createdStore(kind);
    const before = await schemaOf(name, database);
    await database.script(`
      DROP INDEX requests_status_created_at_index;
      DROP INDEX machines_created_at_index;
      CREATE INDEX machines_created_at_index ON machines (created_at);
    `);
    expect(await doctor(database.storage())).toMatchObject({
      code: 0,
      warnings: [
        'The index requests_status_created_at_index on (status, created_at, request_id) is missing or not valid: queries that need it read the whole table.',
        'The index machines_created_at_index is on (created_at), not on (created_at, machine_id).',
      ],
      errors: [],
    });
    const { code, repairs, warnings } = await doctor(database.storage(), '--repair');
    expect({ code, warnings }).toEqual({ code: 0, warnings: [] });
    expect(repairs).toEqual(
      expect.arrayContaining([
        { level: 'ok', subject: 'requests', message: 'The index requests_status_created_at_index was created.' },
        { level: 'ok', subject: 'machines', message: 'The index machines_created_at_index was created.' },
      ] satisfies Finding[]),
    );
    expect(await schemaOf(name, database)).toEqual(before);
  });

  test('the database of a newer program is an error, and is not changed', async () => {
    await using database = await createdStore(kind);
    await database.run("INSERT INTO storage_migrations (number, name) VALUES (999, 'from the future')");
    const { code, errors } = await doctor(database.storage(), '--repair');
    expect(code).toBe(3);
    expect(errors).toEqual([
      'A newer version of this program has upgraded the database to schema 999; this version knows schemas up to 3 only. ' +
        'Update this program, or name another database.',
    ]);
  });

  test('dangling references are errors if references are enforced, else warnings', async () => {
    await using database = await kind.create();
    const lax = database.storage({ enforceReferences: false });
    const repository = await openRepository(lax);
    await repository.saveEntity('requests', request('gone', { request_id: 'r-1' }));
    await repository.close();
    const message = 'template_id refers to templates "gone", which does not exist.';
    expect(await doctor(lax)).toMatchObject({ code: 0, warnings: [message], errors: [] });
    expect(await doctor(database.storage())).toMatchObject({ code: 3, warnings: [], errors: [message] });
  });

  test('reports the same in the output for people, with remedies', async () => {
    await using database = await createdStore(kind);
    await database.run('DROP INDEX machines_status_created_at_index');
    const { code, stdout, stderr } = await doctorForPeople(database.storage());
    expect({ code, stderr }).toEqual({ code: 0, stderr: '0 errors, 1 warning.\n' });
    const { host, name: file } = database.config;
    const subject = name === 'sqlite' ? file : `${host}/${file}`;
    expect(stdout).toContain(`\nok       ${subject}: ${upToDate[0]}\n`);
    expect(stdout).toContain(
      'warning  machines: The index machines_status_created_at_index on (status, created_at, machine_id) is missing or ' +
        'not valid: queries that need it read the whole table.\n         Run `hfstorage doctor --repair` at a quiet hour.\n',
    );
  });
});
