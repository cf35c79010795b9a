import { describe, expect, test } from '@jest/globals';
import { collectionNames, fieldsOf } from '../../../lib/model/collections.ts';
import { TemplateNotFoundError } from '../../../lib/repository/errors.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { tables } from '../../../lib/strategies/sql/schema.ts';
import { indexDefinition, tableDefinition } from '../../../lib/strategies/sql/schema-migrations.ts';
import { rejection } from '../../contract/rejection.ts';
import { request, template } from '../../contract/samples.ts';
import { columnsOf, foreignKeysOf, schemaOf } from './catalog.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { specTables } from './spec-tables.ts';

const declaredForeignKeys = [
  'machines.request_id -> requests.request_id',
  'machines.template_id -> templates.template_id',
  'requests.template_id -> templates.template_id',
];

/** Stores a request directly, bypassing the store. */
const insertRequest = (database: TestDatabase, id: string, templateId: string) =>
  database.run(
    'INSERT INTO requests (request_id, template_id, machine_count, status, request_type) ' +
      `VALUES ('${id}', '${templateId}', 1, 'PENDING', 'provision')`,
  );

describe.each(databaseKinds)('$name', ({ name, dialect, create }) => {
  test.each(tables)('the definition of $name', (table) => {
    const statements = [
      tableDefinition(dialect, table, true),
      ...table.indexes.map((index) => indexDefinition(table, index)),
    ];
    expect(`\n${statements.join(';\n')};\n`).toMatchSnapshot();
  });

  test("has every column of SPEC.md's tables, with its type and NOT NULL, and one for each field", async () => {
    await using spec = await create();
    await using ours = await create();
    await spec.script(specTables);
    await (await openRepository(ours.storage())).close();
    const columns = await columnsOf(name, ours);
    for (const [column, described] of await columnsOf(name, spec)) expect(columns.get(column)).toEqual(described);
    const fields = collectionNames.flatMap((table) => [...fieldsOf(table).keys(), 'extra'].map((f) => `${table}.${f}`));
    expect([...columns.keys()].filter((column) => !column.startsWith('storage_migrations.')).sort()).toEqual(
      fields.sort(),
    );
    expect(await foreignKeysOf(name, ours)).toEqual(declaredForeignKeys);
    expect(await foreignKeysOf(name, spec)).toEqual(declaredForeignKeys);
  });

  test('the database itself enforces references only if they are turned on', async () => {
    await using database = await create();
    const repository = await openRepository(database.storage({ enforceReferences: false }));
    await repository.saveEntity('requests', request('nowhere'));
    await repository.close();
    // SQLite has them in the table, and every connection decides whether to enforce them.
    expect(await foreignKeysOf(name, database)).toEqual(name === 'sqlite' ? declaredForeignKeys : []);
  });

  test('enforce_references can be turned off and on; orphans stored meanwhile stay unchanged', async () => {
    await using database = await create();
    const strict = () => openRepository(database.storage());
    const lax = () => openRepository(database.storage({ enforceReferences: false }));
    const parent = template();
    const kept = request(parent.template_id);
    const orphan = request('gone');
    const from = async (open: typeof strict) => {
      await using repository = await open();
      return await repository.queryEntities('requests', { orderBy: 'request_id' });
    };
    {
      await using repository = await strict();
      await repository.saveEntity('templates', parent);
      await repository.saveEntity('requests', kept);
      expect(await rejection(repository.saveEntity('requests', orphan))).toBeInstanceOf(TemplateNotFoundError);
    }
    {
      await using repository = await lax();
      await repository.saveEntity('requests', orphan);
      await repository.deleteEntity('templates', parent.template_id);
    }
    const stored = await from(lax);
    expect(stored.items).toMatchObject([kept, orphan]);
    expect(await from(strict)).toEqual(stored);
    if (name === 'postgresql') {
      expect(await foreignKeysOf(name, database)).toEqual(declaredForeignKeys);
      await expect(insertRequest(database, 'raw', 'gone')).rejects.toMatchObject({ code: '23503' });
    }
    const before = await schemaOf(name, database);
    {
      await using repository = await strict();
      expect(await rejection(repository.saveEntity('requests', request('gone')))).toBeInstanceOf(TemplateNotFoundError);
      expect(await rejection(repository.saveEntity('requests', orphan))).toBeInstanceOf(TemplateNotFoundError);
    }
    expect(await schemaOf(name, database)).toEqual(before);
  });

  test('an orphan can be changed except for its reference, and can be given a parent', async () => {
    await using database = await create();
    const { request_id } = request('gone');
    const lax = await openRepository(database.storage({ enforceReferences: false }));
    await lax.saveEntity('requests', request('gone', { request_id }));
    await lax.close();
    await using repository = await openRepository(database.storage());
    expect(await repository.updateEntity('requests', request_id, { status: 'DONE' })).toMatchObject({ version: 2 });
    expect(await repository.updateEntity('requests', request_id, { note: 'extra' })).toMatchObject({ version: 3 });
    const { template_id } = await repository.saveEntity('templates', template());
    expect(await repository.updateEntity('requests', request_id, { template_id })).toMatchObject({ version: 4 });
    expect(await repository.saveEntity('requests', request(template_id, { request_id }))).toMatchObject({ version: 5 });
  });
});
