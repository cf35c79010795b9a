import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type ConfigFile, readConfig } from '../config/load-config.ts';
import { migrationChoices } from '../config/migration.ts';
import type { MigrationOrder, SideOptions } from '../migration/plan.ts';
import { MigrationError } from '../repository/errors.ts';
import type { MigrationBody } from '../service/http/job-schemas.ts';

async function sideOf(file: ConfigFile, type: SideOptions['type'], name: string | undefined): Promise<SideOptions> {
  if (name === undefined) return { type, config: file.config };
  const configFile = join(dirname(file.path), name);
  if (!existsSync(configFile)) {
    throw new MigrationError(`There is no configuration file ${JSON.stringify(name)} beside that of the service.`);
  }
  return { type, config: (await readConfig(configFile)).config, configFile };
}

/**
 * What the body of a call asks for. What it leaves out is as configured.
 * @param file the configuration of the service
 * @throws MigrationError, ConfigurationError if it names what does not exist
 */
export async function orderOf(file: ConfigFile, body: MigrationBody): Promise<MigrationOrder> {
  const chosen = Object.entries(body).filter(([key]) => Object.hasOwn(migrationChoices, key));
  return {
    config: file.config,
    source: await sideOf(file, body.source_type, body.source_config),
    target: await sideOf(file, body.target_type, body.target_config),
    settings: Object.fromEntries(chosen),
  };
}
