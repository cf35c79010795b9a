import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ConfigFile, readConfig } from '../config/load-config.ts';
import type { MigrationConfig } from '../config/migration.ts';
import { MigrationError } from '../repository/errors.ts';
import type { MigrateOptions, SideOptions } from './migrate-repository.ts';
import { settingsOf } from './migration-settings.ts';
import type { StoreType } from './stores.ts';

/** A migration as it is ordered over the API, in the words of the configuration. What is left out is as configured. */
export interface MigrationOrder {
  readonly source_type: StoreType;
  readonly target_type: StoreType;
  /** Names of files beside the configuration of the service. */
  readonly source_config?: string | undefined;
  readonly target_config?: string | undefined;
  readonly batch_size?: number | undefined;
  readonly parallel_workers?: number | undefined;
  readonly create_backup?: boolean | undefined;
  readonly validate_after_migration?: boolean | undefined;
  readonly cleanup_source?: boolean | undefined;
  readonly on_invalid?: 'fail' | 'skip' | undefined;
  readonly merge?: boolean | undefined;
  readonly delete_extra?: boolean | undefined;
}

async function sideOf(file: ConfigFile, type: StoreType, name: string | undefined): Promise<SideOptions> {
  if (name === undefined) return { type, config: file.config };
  const configFile = join(dirname(file.path), name);
  if (!existsSync(configFile)) {
    throw new MigrationError(`There is no configuration file ${JSON.stringify(name)} beside that of the service.`);
  }
  return { type, config: (await readConfig(configFile)).config, configFile };
}

function configOf(config: MigrationConfig, order: MigrationOrder): MigrationConfig {
  const { batch_size, parallel_workers, create_backup, validate_after_migration, cleanup_source, on_invalid } = order;
  const changed = { batch_size, parallel_workers, create_backup, validate_after_migration, cleanup_source, on_invalid };
  const given = Object.entries(changed).filter(([, value]) => value !== undefined);
  return { ...config, ...Object.fromEntries(given) };
}

/**
 * What an order asks for.
 * @param file the configuration of the service
 * @throws MigrationError, ConfigurationError where it names what is not there
 */
export async function optionsOfOrder(file: ConfigFile, order: MigrationOrder): Promise<MigrateOptions> {
  const { config } = file;
  return {
    config,
    source: await sideOf(file, order.source_type, order.source_config),
    target: await sideOf(file, order.target_type, order.target_config),
    settings: {
      ...settingsOf(configOf(config.migration, order)),
      merge: order.merge ?? false,
      deleteExtra: order.delete_extra ?? false,
    },
  };
}
