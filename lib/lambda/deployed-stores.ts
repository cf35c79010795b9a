/** What the functions of migrations and backups work on; opened once for each process. */
import type { BackupLocation } from '../backup/backup-location.ts';
import { openLocation } from '../backup/open-location.ts';
import { type ConfigFile, readConfig } from '../config/load-config.ts';
import type { StoreChoice } from '../migration/migration-settings.ts';
import { type MigrationStore, openStore, storageOf } from '../migration/stores.ts';

let file: Promise<ConfigFile> | undefined;

/** The configuration of the deployment, from the file that HFSTORAGE_CONFIG names. */
export function deployedConfig(): Promise<ConfigFile> {
  file ??= readConfig();
  return file;
}

/** Where the tasks leave what they know. */
export async function stateLocation(): Promise<BackupLocation> {
  const { config } = await deployedConfig();
  const { region, endpoint } = config.backup;
  return openLocation(config.migration.state_location, { region, endpoint });
}

/** Where backups are kept: those of migrations elsewhere, if the configuration says so. */
export async function backupLocation(path?: string): Promise<BackupLocation> {
  const { location, region, endpoint } = (await deployedConfig()).config.backup;
  return openLocation(path ?? location, { region, endpoint });
}

const stores = new Map<string, Promise<MigrationStore>>();

/** A store that takes part in a migration. A failure to open it is not kept. */
export async function migrationStore(side: 'source' | 'target', choice: StoreChoice): Promise<MigrationStore> {
  const { config } = choice.config === undefined ? await deployedConfig() : await readConfig(choice.config);
  const key = `${choice.config} ${choice.type}`;
  const opened = stores.get(key) ?? openStore(side, storageOf(config, choice.type, `${side}_config`));
  stores.set(key, opened);
  opened.catch(() => stores.delete(key));
  return opened;
}
