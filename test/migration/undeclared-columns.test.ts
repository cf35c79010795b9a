/** Stores with columns that the model does not declare: no copy would hold them, so none is made. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createBackup } from '../../lib/backup/create-backup.ts';
import { compareRepositories, migrateRepository, planMigration } from '../../lib/migration/migrate-repository.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { MemoryState } from '../../lib/transfer/work-state.ts';
import { rejection } from '../contract/rejection.ts';
import { request, template } from '../contract/samples.ts';
import { databaseKinds } from '../strategies/sql/databases.ts';
import { addToMachines } from '../strategies/sql/own-columns.ts';
import { doctor } from '../strategies/sql/run-doctor.ts';
import { migrateByTasks } from './by-tasks.ts';
import { contentsOf, factories, newFolder, optionsOf } from './migrating.ts';

describe.each(databaseKinds)('$name', (kind) => {
  /** A database with a template, a request, and a column of somebody else that holds something. */
  async function given() {
    await using stack = new AsyncDisposableStack();
    const folder = stack.use(await newFolder());
    const database = stack.use(await kind.create());
    const repository = await openRepository(database.storage());
    await repository.saveEntity('templates', template({ template_id: 't-1' }));
    await repository.saveEntity('requests', request('t-1', { request_id: 'r-1' }));
    await repository.close();
    await database.run("ALTER TABLE requests ADD COLUMN cost_center VARCHAR(20) DEFAULT 'none'");
    const target = stack.use(await factories.json.open());
    const moved = stack.move();
    const source = { config: database.storage() };
    return { database, source, target, folder: folder.path, [Symbol.asyncDispose]: () => moved.disposeAsync() };
  }

  test('as a source: refused by table and column, locally and as tasks, and nothing is deleted', async () => {
    await using open = await given();
    const section = { cleanup_source: true, create_backup: true };
    const options = optionsOf(open.source, open.target, open.folder, { section });
    for (const run of [migrateRepository, planMigration, compareRepositories, migrateByTasks]) {
      const error = await rejection(run(options));
      expect(error).toMatchObject({ code: 'migration_failed' });
      expect(error.message).toMatch(/^The source, .*, cannot be copied as a whole: .*: requests\.cost_center\. Move/);
    }
    expect(await contentsOf(open.target.strategy)).toEqual([]);
    expect(await readdir(join(open.folder, 'backups')).catch(() => [])).toEqual([]);
    expect(await open.database.run('SELECT request_id, cost_center FROM requests')).toMatchObject([
      { request_id: 'r-1', cost_center: 'none' },
    ]);
  });

  test('dropped, what is left is migrated', async () => {
    await using open = await given();
    await open.database.run('ALTER TABLE requests DROP COLUMN cost_center');
    expect(await migrateRepository(optionsOf(open.source, open.target, open.folder))).toMatchObject({
      outcome: 'succeeded',
    });
  });

  test('as a target: refused only where a row needs a value there', async () => {
    await using open = await given();
    await using source = await factories.json.open();
    await source.repository.saveEntity('templates', template({ template_id: 't-2' }));
    const options = optionsOf(source, open.source, open.folder, { settings: { merge: true } });
    expect(await migrateRepository(options)).toMatchObject({ collections: { templates: { copied: 1 } } });
    await addToMachines(kind, open.database, 'owner TEXT NOT NULL');
    for (const run of [migrateRepository, planMigration, migrateByTasks]) {
      const { message } = await rejection(run(options));
      expect(message).toMatch(/^The target, .*, cannot be written: .* take no NULL .*: machines\.owner\. Drop/);
    }
  });

  test('a portable backup is refused and leaves nothing behind', async () => {
    await using open = await given();
    await using repository = await openRepository(open.source.config);
    const { strategy } = repository;
    const location = await openLocation(join(open.folder, 'b'), {});
    const state = new MemoryState();
    for (const attempt of [
      createBackup(strategy, { location, place: 'here' }),
      createBackup(strategy, { location, place: 'here', id: 'b-1', state }),
    ]) {
      const error = await rejection(attempt);
      expect(error).toMatchObject({ code: 'configuration_invalid', retryable: false });
      expect(error.message).toMatch(/^The store, here, is not backed up: .*: requests\.cost_center\. Move/);
    }
    expect(await location.list('')).toEqual([]);
  });

  test('doctor names them', async () => {
    await using open = await given();
    const { code, warnings } = await doctor(open.source.config);
    expect({ code, warnings }).toEqual({
      code: 0,
      warnings: [
        'The column cost_center is unknown to this program: no read, migration or portable backup includes its values.',
      ],
    });
  });
});
