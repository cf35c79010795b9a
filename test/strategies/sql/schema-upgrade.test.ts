import { describe, expect, test } from '@jest/globals';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { request, template } from '../../contract/samples.ts';
import { columnsOf, foreignKeysOf, schemaOf } from './catalog.ts';
import { type DatabaseKind, databaseKinds, postgresql, sqlite, type TestDatabase } from './databases.ts';
import { createFormer, formerRows, insertRow } from './former-database.ts';
import { specTables } from './spec-tables.ts';

const upgrade = async (database: TestDatabase): Promise<void> => (await openRepository(database.storage())).close();

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe.each(databaseKinds)('a $name database of the former program', (kind: DatabaseKind) => {
  const { name } = kind;

  test('returns every row with its values, as version 1', async () => {
    await using database = await createFormer(kind);
    await using repository = await openRepository(database.storage());
    for (const { table, id, row, read } of formerRows) {
      const present = Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null));
      const updatedByDefault =
        table === 'machines' || 'updated_at' in row ? {} : { updated_at: expect.stringMatching(TIME) };
      expect(await repository.getEntity(table, id)).toEqual({ ...present, ...updatedByDefault, ...read, version: 1 });
    }
  });

  test('can be updated, queried, ordered and paged', async () => {
    await using database = await createFormer(kind);
    await using repository = await openRepository(database.storage());
    const ordered = ['r-1', 'r-2', 'r-3'];
    const first = await repository.queryEntities('requests', { limit: 2, filters: { template_id: 't-1' } });
    const second = await repository.queryEntities('requests', {
      limit: 2,
      filters: { template_id: 't-1' },
      cursor: first.nextCursor,
    });
    expect([...first.items, ...second.items].map(({ request_id }) => request_id)).toEqual(ordered);
    const recent = await repository.queryEntities('requests', {
      filters: { created_at: { gt: '2026-11-22T10:00:00.3Z' } },
    });
    expect(recent.items.map(({ request_id }) => request_id)).toEqual(['r-2']);
    expect(await repository.countEntities('requests', { groupBy: 'status' })).toEqual({
      count: 3,
      groups: { COMPLETED: 1, PENDING: 2 },
    });
    for (const { table, id, row } of formerRows) {
      const updated = await repository.updateEntity(table, id, { note: 'new' }, { expectedVersion: 1 });
      expect(updated).toMatchObject({ note: 'new', version: 2 });
      expect(updated.created_at === undefined).toBe(row.created_at === null);
    }
    const saved = await repository.saveEntity('templates', template({ template_id: 't-2' }));
    expect(saved).toMatchObject({ version: 3, created_at: '2026-11-22T09:00:00.123Z' });
    await expect(repository.deleteEntity('templates', 't-1')).rejects.toMatchObject({ code: 'entity_in_use' });
  });

  test('gets the same schema as a new one', async () => {
    await using database = await createFormer(kind);
    await using fresh = await kind.create();
    await Promise.all([upgrade(database), upgrade(fresh)]);
    expect(new Map([...(await columnsOf(name, database))].sort())).toEqual(
      new Map([...(await columnsOf(name, fresh))].sort()),
    );
    expect(await foreignKeysOf(name, database)).toEqual(await foreignKeysOf(name, fresh));
    const sorted = async (of: TestDatabase) => (await schemaOf(name, of)).map((row) => JSON.stringify(row)).sort();
    const indexes = async (of: TestDatabase) => (await sorted(of)).filter((row) => /_index"/.test(row));
    expect(await indexes(database)).toEqual(await indexes(fresh));
    // SQLite cannot change the default of a column, nor make one required.
    if (name === 'postgresql') expect(await sorted(database)).toEqual(await sorted(fresh));
  });

  test("keeps the customer's own columns and tables", async () => {
    await using database = await createFormer(kind);
    await database.script(
      'CREATE TABLE beside (id INTEGER PRIMARY KEY); CREATE INDEX own_status ON requests (status);',
    );
    await upgrade(database);
    await database.script(`
      ALTER TABLE requests ADD COLUMN cost_center VARCHAR(20) DEFAULT 'none';
      CREATE TABLE audit_log (id INTEGER PRIMARY KEY, "what" VARCHAR(100), at TIMESTAMP DEFAULT CURRENT_TIMESTAMP);
      CREATE INDEX own_index ON requests (cost_center);
      INSERT INTO audit_log (id, "what") VALUES (1, 'created');
      UPDATE requests SET cost_center = 'cc-7' WHERE request_id = 'r-1';
    `);
    const own = async () =>
      (await schemaOf(name, database)).filter((row) =>
        /own_index|own_status|beside|audit_log|cost_center'/.test(JSON.stringify(row)),
      );
    const before = await own();
    expect(before).not.toEqual([]);
    await using repository = await openRepository(database.storage());
    expect(await own()).toEqual(before);
    await repository.saveEntity('requests', request('t-1', { request_id: 'r-1' }));
    await repository.updateEntity('requests', 'r-1', { note: 'x' });
    await repository.saveEntity('requests', request('t-1', { request_id: 'r-new' }));
    expect(await database.run('SELECT request_id, cost_center FROM requests ORDER BY request_id')).toMatchObject([
      { request_id: 'r-1', cost_center: 'cc-7' },
      { request_id: 'r-2', cost_center: 'none' },
      { request_id: 'r-3', cost_center: 'none' },
      { request_id: 'r-new', cost_center: 'none' },
    ]);
    expect(await database.run('SELECT "what" FROM audit_log')).toMatchObject([{ what: 'created' }]);
    expect(await repository.getEntity('requests', 'r-1')).not.toHaveProperty('cost_center');
  });

  test('opened twice, is changed once', async () => {
    await using database = await createFormer(kind);
    await upgrade(database);
    const all = async () => [
      ...(await schemaOf(name, database)),
      ...(await database.run('SELECT * FROM storage_migrations ORDER BY number')),
      ...(await database.run('SELECT * FROM machines ORDER BY machine_id')),
    ];
    const before = await all();
    await upgrade(database);
    expect(await all()).toEqual(before);
  });
});

test('SQLite: times of other zones are converted to UTC, and other texts stay unchanged', async () => {
  await using database = await createFormer(sqlite);
  const times: readonly [string | number, string | number][] = [
    ['2026-11-22T12:00:00.5+02:00', '2026-11-22T10:00:00.500Z'],
    ['2026-11-22 04:30:00-05:30', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22T10:00:00.123Z', '2026-11-22T10:00:00.123Z'],
    ['2026-11-22T10:00:00Z', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22 10:00', '2026-11-22T10:00:00.000Z'],
    ['2026-11-22', '2026-11-22T00:00:00.000Z'],
    ['soon', 'soon'],
    ['now', 'now'],
    ['12:00', '12:00'],
    ['', ''],
    [1795341600, 1795341600],
    [1795341600.5, 1795341600.5],
  ];
  for (const [i, [started_at]] of times.entries()) {
    const machine = { machine_id: `time-${i}`, request_id: 'r-1', template_id: 't-1', status: 'RUNNING', started_at };
    await insertRow(database, 'machines', machine);
  }
  await using repository = await openRepository(database.storage());
  for (const [i, [, read]] of times.entries()) {
    expect(await repository.getEntity('machines', `time-${i}`)).toHaveProperty('started_at', read);
  }
});

test('SQLite: rows with dangling references, which Python does not prevent, are kept', async () => {
  await using database = await createFormer(sqlite);
  await insertRow(database, 'machines', { machine_id: 'm-9', request_id: 'gone', template_id: 'gone', status: 'LOST' });
  await using repository = await openRepository(database.storage());
  expect(await repository.getEntity('machines', 'm-9')).toMatchObject({
    request_id: 'gone',
    status: 'LOST',
    version: 1,
  });
});

test('PostgreSQL: other types become those of the model without losing a value', async () => {
  const tables = specTables
    .replace('name VARCHAR(255)', 'name VARCHAR(500)')
    .replace('image_id VARCHAR(255)', 'image_id TEXT')
    .replace('machine_count INTEGER', 'machine_count BIGINT')
    .replace('tags TEXT', 'tags JSONB')
    .replace('metadata TEXT', 'metadata JSON')
    .replaceAll('created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP', 'created_at TIMESTAMPTZ DEFAULT now()')
    .replace('started_at TIMESTAMP', 'started_at TIMESTAMPTZ(6)');
  await using database = await postgresql.create();
  await database.script(tables);
  await database.script(`
    SET TIME ZONE 'America/New_York';
    INSERT INTO templates (template_id, name, provider_api, vm_type, max_number, image_id, created_at)
      VALUES ('t-1', repeat('n', 400), 'RunInstances', 'm5', 1, repeat('i', 1000), '2026-11-22 12:00:00.123456+02');
    INSERT INTO requests (request_id, template_id, machine_count, status, request_type, tags, metadata, created_at)
      VALUES ('r-1', 't-1', 2147483647, 'PENDING', 'provision', '{"b": 1, "a": [1, {"ä": null}]}', '{"b":1,  "b2":"x"}', '2026-11-22 05:00');
    INSERT INTO machines (machine_id, request_id, template_id, status, started_at)
      VALUES ('m-1', 'r-1', 't-1', 'RUNNING', '2026-11-22 23:30:00-05');
  `);
  await upgrade(database);
  await using fresh = await createFormer(postgresql);
  await upgrade(fresh);
  const longer = { 'templates.name': 'character varying(500)', 'templates.image_id': 'text' };
  const expected = [...(await columnsOf('postgresql', fresh))].map(([column, described]) => {
    const type = (longer as Record<string, string>)[column] ?? described.type;
    return [column, { ...described, type }] as const;
  });
  expect(await columnsOf('postgresql', database)).toEqual(new Map(expected));
  await using repository = await openRepository(database.storage());
  expect(await repository.getEntity('templates', 't-1')).toMatchObject({
    name: 'n'.repeat(400),
    image_id: 'i'.repeat(1000),
    created_at: '2026-11-22T10:00:00.123Z',
  });
  expect(await repository.getEntity('requests', 'r-1')).toMatchObject({
    machine_count: 2147483647,
    tags: { b: 1, a: [1, { ä: null }] },
    metadata: { b: 1, b2: 'x' },
    created_at: '2026-11-22T10:00:00.000Z',
  });
  expect(await repository.getEntity('machines', 'm-1')).toMatchObject({ started_at: '2026-11-23T04:30:00.000Z' });
});

test("PostgreSQL: a customer's own default stays", async () => {
  const status = 'status VARCHAR(50) NOT NULL';
  await using database = await createFormer(postgresql, specTables.replaceAll(status, `${status} DEFAULT 'NEW'`));
  await upgrade(database);
  await database.run("INSERT INTO machines (machine_id, request_id, template_id) VALUES ('m-3', 'r-1', 't-1')");
  expect(await database.run("SELECT status FROM machines WHERE machine_id = 'm-3'")).toEqual([{ status: 'NEW' }]);
});

test("PostgreSQL: a customer's view on a column that must change is reported, and nothing is changed", async () => {
  await using database = await createFormer(postgresql);
  await database.script("CREATE VIEW open_requests AS SELECT * FROM requests WHERE status = 'PENDING'");
  const before = await schemaOf('postgresql', database);
  await expect(upgrade(database)).rejects.toThrow('used by a view');
  expect(await schemaOf('postgresql', database)).toEqual(before);
  await database.script('DROP VIEW open_requests');
  await upgrade(database);
});

test('PostgreSQL: a number out of range stops the upgrade with the reason, and changes nothing', async () => {
  await using database = await postgresql.create();
  await database.script(specTables.replace('max_number INTEGER', 'max_number BIGINT'));
  await database.script(
    "INSERT INTO templates (template_id, name, provider_api, vm_type, max_number) VALUES ('t', 'n', 'a', 'v', 2147483648)",
  );
  const before = await schemaOf('postgresql', database);
  await expect(upgrade(database)).rejects.toThrow('integer out of range');
  expect(await schemaOf('postgresql', database)).toEqual(before);
});
