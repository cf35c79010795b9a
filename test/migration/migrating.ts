/** Migrations of tests: between two stores of the contract suite, with logs in a folder of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Config, ConfigInput } from '../../lib/config/configuration.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { type MigrateOptions, migrateRepository } from '../../lib/migration/migrate-repository.ts';
import type { MigrationReport } from '../../lib/migration/report.ts';
import type { StoreType } from '../../lib/migration/stores.ts';
import { canonicalJson } from '../../lib/model/canonical-json.ts';
import { collectionNames } from '../../lib/model/collections.ts';
import type { Scanner } from '../../lib/repository/storage-strategy.ts';
import { pagesOf } from '../../lib/transfer/scan-pages.ts';
import { type StoreFactory, stores } from '../contract/stores.ts';
import type { Entities } from './awkward-entities.ts';

const factoryOf = (name: string): StoreFactory => {
  const factory = stores.find((store) => store.name === name);
  if (factory === undefined) throw new Error(`There is no store ${name}.`);
  return factory;
};

/** A store of each type. */
export const factories = {
  json: factoryOf('json single file'),
  sqlite: factoryOf('sqlite'),
  postgresql: factoryOf('postgresql'),
  dynamodb: factoryOf('dynamodb'),
} as const;

export type TestedType = keyof typeof factories;
export const testedTypes = Object.keys(factories) as readonly TestedType[];

/** A folder for logs and backups. */
export async function newFolder(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'hfstorage-test-migration-'));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

/** Where a store is, as a side of a migration. */
export function sideOf({ storage }: ConfigInput): { type: StoreType; config: Config } {
  const config = parseConfig({ storage });
  const { strategy, sql_strategy } = config.storage;
  return { type: strategy === 'sql' ? sql_strategy.type : strategy, config };
}

export type MigrationSection = NonNullable<ConfigInput['migration']>;

interface OnData {
  readonly config: ConfigInput;
}

/** Options of a migration that keeps its log in a folder and makes no backup, unless `section` says so. */
export function optionsOf(
  source: OnData,
  target: OnData,
  folder: string,
  { section = {}, ...more }: Partial<MigrateOptions> & { section?: MigrationSection } = {},
): MigrateOptions {
  const migration = {
    state_location: join(folder, 'migrations'),
    backup_location: join(folder, 'backups'),
    create_backup: false,
    ...section,
  };
  const config = parseConfig({ storage: { strategy: 'json' }, migration });
  return { source: sideOf(source.config), target: sideOf(target.config), config, ...more };
}

/** Migrates, with a log that nobody needs afterwards. */
export async function migrate(
  source: OnData,
  target: OnData,
  more: Parameters<typeof optionsOf>[3] = {},
): Promise<MigrationReport> {
  await using folder = await newFolder();
  return await migrateRepository(optionsOf(source, target, folder.path, more));
}

/** Everything in a store, a text for each entity, in an order of their own. */
export async function contentsOf(scanner: Scanner): Promise<string[]> {
  const texts: string[] = [];
  for (const collection of collectionNames) {
    for await (const { items } of pagesOf(scanner, collection, 1000)) {
      for (const entity of items) texts.push(`${collection} ${canonicalJson(entity)}`);
    }
  }
  return texts.sort();
}

export const textsOf = (entities: Partial<Entities>): string[] =>
  collectionNames
    .flatMap((collection) => (entities[collection] ?? []).map((entity) => `${collection} ${canonicalJson(entity)}`))
    .sort();

/** What only one of two contents has, cut short: thousands of entities are no readable difference. */
export function unlike(found: readonly string[], wanted: readonly string[]): string[] {
  const [foundSet, wantedSet] = [new Set(found), new Set(wanted)];
  const extra = found.filter((text) => !wantedSet.has(text)).map((text) => `+ ${text}`);
  const missing = wanted.filter((text) => !foundSet.has(text)).map((text) => `- ${text}`);
  if (found.length !== wanted.length) extra.push(`${found.length} entities instead of ${wanted.length}`);
  return [...extra, ...missing].slice(0, 6).map((text) => text.slice(0, 300));
}
