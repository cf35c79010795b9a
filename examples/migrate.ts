/** Migrates a store from JSON files to SQLite, and backs up the new store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackup, migrateRepository, openLocation, openRepository, parseConfig } from '../lib/library.ts';

const folder = await mkdtemp(join(tmpdir(), 'hfstorage-example-'));
const config = parseConfig({
  storage: {
    strategy: 'json',
    json_strategy: { base_path: join(folder, 'data') },
    sql_strategy: { name: join(folder, 'hostfactory.db') },
  },
  migration: { create_backup: false, state_location: join(folder, 'state') },
  backup: { location: join(folder, 'backups') },
});

try {
  await using source = await openRepository(config);
  for (const id of ['small', 'medium', 'large']) {
    const template = { template_id: id, name: id, provider_api: 'RunInstances', vm_type: 't3.medium', max_number: 9 };
    await source.saveEntity('templates', template);
  }
  const report = await migrateRepository({
    config,
    source: { type: 'json', config },
    target: { type: 'sqlite', config },
  });
  console.log(report.outcome, report.collections.templates);

  await using repository = await openRepository({ storage: { ...config.storage, strategy: 'sql' } });
  const location = await openLocation(config.backup.location);
  const backup = await createBackup(repository.strategy, { location, place: 'the store of this example' });
  console.log(`backed up ${backup.collections.templates.entities} templates, consistent: ${backup.consistent}`);
} finally {
  await rm(folder, { recursive: true });
}
