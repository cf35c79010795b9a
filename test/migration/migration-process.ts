/**
 * A process that migrates, and kills itself on the way: `migration-process.ts ORDER`, where ORDER is the JSON of a
 * `MigrationOrder`. It prints a line for each batch that it gives to the target, and `done` at the end.
 */
import { writeSync } from 'node:fs';
import type { ConfigInput, StrategyName } from '../../lib/config/configuration.ts';
import { type MigrateOptions, migrateRepository, resumeMigration } from '../../lib/migration/migrate-repository.ts';
import type { Phase } from '../../lib/migration/migration.ts';
import type { StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { type MigrationSection, optionsOf } from './migrating.ts';

/** When the process is to die: at the n-th step of a phase, or some milliseconds after the n-th batch was begun. */
export type Death =
  | { readonly phase: Phase; readonly step: number }
  | { readonly batch: number; readonly afterMs: number };

export interface MigrationOrder {
  readonly id: string;
  readonly resume: boolean;
  readonly source: ConfigInput;
  readonly target: ConfigInput;
  readonly folder: string;
  readonly section: MigrationSection;
  readonly death?: Death | undefined;
}

const die = (): void => void process.kill(process.pid, 'SIGKILL');

const order = JSON.parse(process.argv[2] as string) as MigrationOrder;
const { death } = order;

let batches = 0;
// Written at once: what a killed process still had in its buffers is lost.
function noteBatch(collection: string): void {
  writeSync(1, `${collection}\n`);
  batches++;
  if (death === undefined || !('batch' in death) || batches !== death.batch) return;
  if (death.afterMs === 0) die();
  else setTimeout(die, death.afterMs);
}

// One store's libraries only: most of these processes live for half a second.
const strategies: { readonly [S in StrategyName]: () => Promise<{ readonly prototype: StorageStrategy }> } = {
  json: async () => (await import('../../lib/strategies/json/json-strategy.ts')).JsonStorageStrategy,
  sql: async () => (await import('../../lib/strategies/sql/sql-strategy.ts')).SqlStorageStrategy,
  dynamodb: async () => (await import('../../lib/strategies/dynamodb/dynamodb-strategy.ts')).DynamodbStorageStrategy,
};
const { prototype } = await strategies[order.target.storage.strategy]();
const { load } = prototype;
prototype.load = function (this: StorageStrategy, ...args) {
  noteBatch(args[0]);
  return load.apply(this, args);
};

let steps = 0;
const progress: MigrateOptions['progress'] = (phase) => {
  if (death !== undefined && 'phase' in death && phase === death.phase && ++steps === death.step) die();
};

const options = optionsOf({ config: order.source }, { config: order.target }, order.folder, {
  section: order.section,
  id: order.id,
  progress,
  // After every batch, so that the tests can count what is done again.
  checkpointMs: 0,
});
await (order.resume ? resumeMigration(order.id, options) : migrateRepository(options));
writeSync(1, 'done\n');
