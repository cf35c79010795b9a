/** What the functions of migrations and backups work on; opened once for each process. */
import { type ConfigFile, readConfig } from '../config/load-config.ts';
import { openStates, type StoreChoice } from '../migration/plan.ts';
import { type MigrationStore, openStore, storageOf } from '../migration/stores.ts';
import type { Location } from '../objects/location.ts';
import { openLocation } from '../objects/open-location.ts';

let file: Promise<ConfigFile> | undefined;

/** The configuration of the deployment, from the file that HFSTORAGE_CONFIG names. */
export function deployedConfig(): Promise<ConfigFile> {
  file ??= readConfig();
  return file;
}

/** Where the state of long work is kept. */
export const stateLocation = async (): Promise<Location> => openStates((await deployedConfig()).config);

/** Where backups are kept. */
export async function backupLocation(): Promise<Location> {
  const { location, region, endpoint } = (await deployedConfig()).config.backup;
  return openLocation(location, { region, endpoint });
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
