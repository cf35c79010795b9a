import { storeLocation } from '../config/store-location.ts';
import { now } from '../model/timestamps.ts';
import type { Location } from '../objects/location.ts';
import { MigrationError, StorageError } from '../repository/errors.ts';
import { requireStateFolder, takeJobLock } from '../transfer/job-locks.ts';
import { Migration, type MigrationParts, type MigrationProgress } from './migration.ts';
import {
  createPlan,
  effectiveSettings,
  type MigrationOrder,
  type MigrationPlan,
  newMigrationId,
  openStates,
  planOf,
  readPlan,
  type SideOptions,
  stateOf,
  storagesOf,
} from './plan.ts';
import { reasonOf } from './preflight.ts';
import { type Failure, readProgress } from './record.ts';
import type { MigrationReport, Preflight, Validation } from './report.ts';
import { type MigrationStore, openStore, storageOf } from './stores.ts';

export interface MigrateOptions extends MigrationOrder {
  /** Id of the new migration; a new one if left out. */
  readonly id?: string | undefined;
  /** Called once a new migration has its id. */
  readonly started?: ((id: string) => void) | undefined;
  readonly progress?: MigrationProgress | undefined;
  /** Called with the result of the check of the source. */
  readonly checked?: ((preflight: Preflight) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For how many milliseconds a store may be unreachable, or throttle, before the migration stops; a minute if left out. */
  readonly retryForMs?: number | undefined;
  /** How often progress is stored, in milliseconds; every second if left out. A killed migration repeats about as much work. */
  readonly checkpointMs?: number | undefined;
}

/**
 * Copies all entities of one store to another: preflight, backup, copy, comparison, and if wanted, cleanup of the source.
 * Versions and timestamps stay. If it stops, `resumeMigration` continues; nothing is lost on either side.
 * @throws MigrationError, BackupError, ConfigurationError
 */
export async function migrateRepository(options: MigrateOptions): Promise<MigrationReport> {
  const { id = newMigrationId(), config } = options;
  requireStateFolder(config.migration.state_location);
  const plan = planOf(options, id, 'command');
  const states = await openStates(config);
  if (!(await createPlan(states, plan))) {
    throw new MigrationError(
      `There is a migration ${JSON.stringify(id)} in ${states.text} already. Choose another id, or continue it with --resume ${id}.`,
    );
  }
  using _lock = takeJobLock(config.migration.state_location, 'migration', id);
  options.started?.(id);
  return await runPlanned(plan, states, options);
}

/**
 * Continues a migration where its state says. The stores must be those of its plan.
 * @throws MigrationError
 */
export async function resumeMigration(id: string, options: MigrateOptions): Promise<MigrationReport> {
  const { source, target, config } = options;
  const states = await openStates(config);
  const plan = await readPlan(states, id);
  using _lock = takeJobLock(config.migration.state_location, 'migration', id);
  if ((await stateOf(states, id).read('report')) !== undefined) {
    throw new MigrationError(`The migration ${id} is finished: nothing is left to do.`);
  }
  requireLocation('source', plan.source.place, source);
  requireLocation('target', plan.target.place, target);
  return await runPlanned(plan, states, options);
}

function requireLocation(side: 'source' | 'target', planned: string, { config, type }: SideOptions): void {
  const place = storeLocation(storageOf(config, type, `--${side}-config`));
  if (place === planned) return;
  throw new MigrationError(`The ${side} of this migration was ${planned}; the configuration now names ${place}.`);
}

/** Opens both stores, runs `work` and closes them. */
async function withStores<T>(
  order: MigrationOrder,
  work: (stores: { readonly source: MigrationStore; readonly target: MigrationStore }) => Promise<T>,
): Promise<T> {
  const storages = storagesOf(order);
  await using stack = new AsyncDisposableStack();
  const source = await openStore('source', storages.source);
  stack.use(source.repository);
  const target = await openStore('target', storages.target);
  stack.use(target.repository);
  return await work({ source, target });
}

type RunParts = Pick<MigrationParts, 'location' | 'progress' | 'signal' | 'retryForMs' | 'checkpointMs'>;

const partsOf = ({ config, progress, signal, retryForMs, checkpointMs }: MigrateOptions): RunParts => ({
  location: { region: config.backup.region, endpoint: config.backup.endpoint },
  progress,
  signal,
  retryForMs,
  checkpointMs,
});

/** Runs what is left of a migration, and stores why it failed if it does. */
async function runPlanned(
  { id, settings }: MigrationPlan,
  states: Location,
  options: MigrateOptions,
): Promise<MigrationReport> {
  const state = stateOf(states, id);
  const { signal, checked } = options;
  const before = await state.read<Failure>('failure');
  if (before !== undefined) await state.write('failure', { ...before, resumed: true } satisfies Failure);
  try {
    return await withStores(options, (stores) =>
      new Migration({ ...partsOf(options), ...stores, settings, id, state }).run({ checked }),
    );
  } catch (error) {
    const interrupted = signal?.aborted === true;
    const failure = interrupted ? new MigrationError('The migration was interrupted.') : error;
    if (!interrupted) {
      // The first error says more; if the state cannot be written, it is that one.
      await state.write('failure', { at: now(), message: reasonOf(error) } satisfies Failure).catch(() => {});
    }
    throw await asMigrationError(failure, states, id);
  }
}

/** An error that says how to continue, if anything was begun. */
async function asMigrationError(error: unknown, states: Location, id: string): Promise<Error> {
  const progress = await readProgress(states, id).catch(() => undefined);
  if (progress === undefined || !progress.isCopying) {
    return error instanceof StorageError ? error : new MigrationError(reasonOf(error), { cause: error });
  }
  const copied = Object.values(progress.collections).reduce((sum, collection) => sum + collection.copied, 0);
  return new MigrationError(
    `${reasonOf(error)} ${copied} entities are copied. Go on with: hfstorage migrateRepository --resume ${id}`,
    { cause: error },
  );
}

/** Checks everything that a migration checks before it writes, and writes no entity. */
export async function planMigration(options: MigrateOptions): Promise<Preflight> {
  const settings = effectiveSettings(options);
  return withStores(options, async (stores) => {
    const migration = new Migration({ ...partsOf(options), ...stores, settings });
    await migration.validateSourceConnection();
    await migration.validateTargetConnection();
    return migration.validateSchemaCompatibility();
  });
}

/** Compares two stores entity by entity, and writes nothing. */
export async function compareRepositories(options: MigrateOptions): Promise<Validation> {
  const settings = { ...effectiveSettings(options), merge: true };
  return withStores(options, async (stores) => {
    const migration = new Migration({ ...partsOf(options), ...stores, settings });
    await migration.validateSourceConnection();
    return migration.validateMigration({ repair: false });
  });
}
