/** Migrations that are refused before anything is written. */
import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { compareRepositories, migrateRepository, resumeMigration } from '../../lib/migration/migrate-repository.ts';
import { migrationIds, openStates } from '../../lib/migration/plan.ts';
import { readRecord } from '../../lib/migration/record.ts';
import { storageOf } from '../../lib/migration/stores.ts';
import { rejection } from '../contract/rejection.ts';
import { saveMachine, saveTemplate } from '../contract/samples.ts';
import type { OpenStore } from '../contract/stores.ts';
import { contentsOf, factories, newFolder, optionsOf, sideOf } from './migrating.ts';
import { mountDisk, onOwnDisk } from './own-disk.ts';

/** The same store with other settings of its SQL section. */
function changed({ config: { storage } }: OpenStore, settings: object): { config: ConfigInput } {
  return { config: { storage: { ...storage, sql_strategy: { ...storage.sql_strategy, ...settings } } } };
}

test('a wrong password, of source or target: said with the side and the place, and without the password', async () => {
  await using json = await factories.json.open();
  await using postgresql = await factories.postgresql.open();
  await using folder = await newFolder();
  await saveMachine(json.repository);
  const locked = changed(postgresql, { password: 'a-wrong-password' });
  for (const [side, options] of [
    ['target', optionsOf(json, locked, folder.path)],
    ['source', optionsOf(locked, json, folder.path, { settings: { merge: true } })],
  ] as const) {
    const error = await rejection(migrateRepository(options));
    expect(error.code).toBe('migration_failed');
    expect(error.message).toMatch(
      new RegExp(`^The ${side}, postgresql 127\\.0\\.0\\.1:\\d+/hfstorage-.* cannot be opened\\. .*password`),
    );
    expect(error.message).not.toContain('a-wrong-password');
    const states = await openStates(options.config);
    const [id = ''] = (await migrationIds(states)).slice(-1);
    const record = JSON.stringify(await readRecord(states, id));
    expect(record).toContain('password authentication failed');
    expect(record).not.toContain('a-wrong-password');
  }
  expect(await contentsOf(postgresql.strategy)).toEqual([]);
});

test('a database user who may read and not write is no target, and is a source', async () => {
  await using json = await factories.json.open();
  await using postgresql = await factories.postgresql.open();
  await using folder = await newFolder();
  const role = `hfstorage_reader_${randomUUID().replaceAll('-', '')}`;
  const { name, host, port, username, password } = postgresql.config.storage.sql_strategy as {
    readonly [key in 'name' | 'host' | 'username' | 'password']: string;
  } & { readonly port: number };
  const admin = new pg.Client({ host, port, user: username, password, database: name });
  await admin.connect();
  try {
    await admin.query(`CREATE ROLE ${role} LOGIN PASSWORD 'reader'`);
    await admin.query(`GRANT SELECT ON ALL TABLES IN SCHEMA public TO ${role}`);
    const reader = changed(postgresql, { username: role, password: 'reader' });
    await saveTemplate(json.repository);
    const error = await rejection(migrateRepository(optionsOf(json, reader, folder.path)));
    expect(error.code).toBe('migration_failed');
    expect(error.message).toMatch(/^The target, postgresql .* cannot be written\. .*(permission denied|may not)/);
    expect(await contentsOf(postgresql.strategy)).toEqual([]);

    const { machine_id } = await saveMachine(postgresql.repository);
    await using empty = await factories.sqlite.open();
    expect(await migrateRepository(optionsOf(reader, empty, folder.path))).toMatchObject({ outcome: 'succeeded' });
    expect(await empty.repository.getEntity('machines', machine_id)).toBeDefined();
  } finally {
    await admin.query(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await admin.end();
  }
});

onOwnDisk('a read-only disk (needs root on Linux)', () => {
  test.each(['sqlite', 'json'] as const)('a %s target there is refused', async (type) => {
    await using disk = await mountDisk(4);
    await using folder = await newFolder();
    await using source = await factories[type === 'json' ? 'sqlite' : 'json'].open();
    await saveTemplate(source.repository);
    await mkdir(join(disk.path, 'data'));
    disk.makeReadOnly();
    const sql_strategy = { name: join(disk.path, 'store.db') };
    const storage: ConfigInput['storage'] =
      type === 'json'
        ? { strategy: 'json', json_strategy: { base_path: join(disk.path, 'data') } }
        : { strategy: 'sql', sql_strategy };
    const error = await rejection(migrateRepository(optionsOf(source, { config: { storage } }, folder.path)));
    expect(error.code).toBe('migration_failed');
    expect(error.message).toMatch(/^The target, .* cannot be (opened|written)\. .*(read-only|write)/);
  });

  test('its state there: the configuration key is named', async () => {
    await using disk = await mountDisk(4);
    disk.makeReadOnly();
    await using source = await factories.json.open();
    await using target = await factories.sqlite.open();
    await saveTemplate(source.repository);
    const error = await rejection(migrateRepository(optionsOf(source, target, disk.path)));
    expect(error.message).toMatch(
      /^Cannot write .* \(migration\.state_location\)\. The file system is read-only: choose another location\.$/,
    );
    expect(await contentsOf(target.strategy)).toEqual([]);
  });
});

describe('a target that is not empty', () => {
  test('is refused, and stays as it is', async () => {
    await using source = await factories.json.open();
    await using target = await factories.sqlite.open();
    await using folder = await newFolder();
    await saveMachine(source.repository);
    await saveTemplate(target.repository);
    const before = await contentsOf(target.strategy);
    const error = await rejection(migrateRepository(optionsOf(source, target, folder.path)));
    expect(error.message).toMatch(/^The target, sqlite .*, is not empty: it holds templates\. .*--merge/);
    expect(await contentsOf(target.strategy)).toEqual(before);
  });

  test('is merged into with merge: older entities are replaced, newer ones and those of the same version stay', async () => {
    await using source = await factories.json.open();
    await using target = await factories.sqlite.open();
    await using folder = await newFolder();
    const of = (template_id: string, version: number, name: string) => ({
      template_id,
      name,
      provider_api: 'RunInstances',
      vm_type: 't3.medium',
      max_number: 1,
      created_at: '2026-01-01T00:00:00.000Z',
      updated_at: '2026-01-01T00:00:00.000Z',
      version,
    });
    await source.strategy.load('templates', [
      of('older', 5, 'source'),
      of('newer', 5, 'source'),
      of('same', 5, 'source'),
      of('equal', 5, 'both'),
      of('missing', 5, 'source'),
    ]);
    await target.strategy.load('templates', [
      of('older', 4, 'target'),
      of('newer', 6, 'target'),
      of('same', 5, 'target'),
      of('equal', 5, 'both'),
      of('extra', 1, 'target'),
    ]);
    const options = optionsOf(source, target, folder.path, { settings: { merge: true } });
    const report = await migrateRepository(options);
    expect(report).toMatchObject({
      outcome: 'differences',
      collections: { templates: { read: 5, copied: 2 } },
      validation: { repaired: 0, differences: { missing: 0, different: 1, newer: 1, extra: 1 } },
    });
    const listed = Object.fromEntries((report.validation?.listed ?? []).map(({ id, kind }) => [id, kind]));
    expect(listed).toEqual({ newer: 'newer', same: 'different', extra: 'extra' });
    const { items } = await target.repository.queryEntities('templates', { orderBy: 'template_id' });
    expect(items.map(({ template_id, name, version }) => `${template_id} ${name} ${version}`)).toEqual([
      'equal both 5',
      'extra target 1',
      'missing source 5',
      'newer target 6',
      'older source 5',
      'same target 5',
    ]);
    const before = await contentsOf(target.strategy);
    expect(await compareRepositories(options)).toEqual(report.validation);
    expect(await contentsOf(target.strategy)).toEqual(before);
  });
});

test('source and target that are the same data are refused', async () => {
  await using folder = await newFolder();
  for (const factory of Object.values(factories)) {
    await using store = await factory.open();
    await saveTemplate(store.repository);
    const error = await rejection(migrateRepository(optionsOf(store, store, folder.path)));
    expect(error.message).toMatch(/^Source and target are the same store: .*--target-config/);
  }
  const folderOf = optionsOf(
    { config: { storage: { strategy: 'json' } } },
    { config: { storage: { strategy: 'json' } } },
    folder.path,
  );
  expect(await migrationIds(await openStates(folderOf.config))).toEqual([]);
});

test('a configuration that describes another database than was named is refused', async () => {
  const config = parseConfig({ storage: { strategy: 'sql', sql_strategy: { name: 'store.db' } } });
  expect(() => storageOf(config, 'postgresql', '--target-config')).toThrow(
    /describes a database of type sqlite, not postgresql\. Name a .*--target-config\./,
  );
});

test('cleaning up a source that is not compared is refused', async () => {
  await using source = await factories.json.open();
  await using target = await factories.sqlite.open();
  await using folder = await newFolder();
  const section = { cleanup_source: true, validate_after_migration: false };
  const error = await rejection(migrateRepository(optionsOf(source, target, folder.path, { section })));
  expect(error.message).toMatch(/only cleaned up after both stores were compared/);
});

describe('what cannot be resumed', () => {
  test('a migration that is unknown, finished, or of other stores', async () => {
    await using source = await factories.json.open();
    await using target = await factories.sqlite.open();
    await using other = await factories.sqlite.open();
    await using folder = await newFolder();
    await saveMachine(source.repository);
    const options = optionsOf(source, target, folder.path);
    for (const id of ['migration-nobody', '../secrets', '', 'a/b', '.']) {
      expect((await rejection(resumeMigration(id, options))).message).toContain(
        `There is no migration ${JSON.stringify(id)} in ${options.config.migration.state_location}`,
      );
    }
    const abort = new AbortController();
    const interrupted = { ...options, id: 'migration-1', signal: abort.signal, progress: () => abort.abort() };
    const error = await rejection(migrateRepository(interrupted));
    expect(error.message).toMatch(/The migration was interrupted\./);
    const states = await openStates(options.config);
    expect(await readRecord(states, 'migration-1')).toMatchObject({ failure: undefined, report: undefined });
    const elsewhere = await rejection(resumeMigration('migration-1', { ...options, target: sideOf(other.config) }));
    expect(elsewhere.message).toMatch(
      /^The target of this migration was sqlite .*; the configuration now names sqlite /,
    );
    expect(await resumeMigration('migration-1', options)).toMatchObject({ outcome: 'succeeded' });
    expect((await rejection(resumeMigration('migration-1', options))).message).toContain('is finished');
  });
});
