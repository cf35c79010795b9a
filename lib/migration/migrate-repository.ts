import { newSortableId } from '../backup/backup-id.ts';
import type { LocationSettings } from '../backup/backup-location.ts';
import type { Config } from '../config/configuration.ts';
import { storeLocation } from '../config/store-location.ts';
import { now } from '../model/timestamps.ts';
import { MigrationError, StorageError } from '../repository/errors.ts';
import { Migration, type MigrationParts, type MigrationProgress } from './migration.ts';
import { MigrationLog } from './migration-log.ts';
import { differencesIn, type MigrationReport, outcomeOf, type Preflight, type Validation } from './migration-report.ts';
import { type MigrationPlan, type MigrationSettings, type StoreChoice, settingsOf } from './migration-settings.ts';
import { reasonOf } from './preflight.ts';
import { type MigrationStore, openStore, requireDifferent, type StoreType, storageOf } from './stores.ts';

/** One side of a migration, before it is opened. */
export interface SideOptions {
  readonly type: StoreType;
  readonly config: Config;
  /** The file that `config` was read from, where it is not the program's own: needed to resume. */
  readonly configFile?: string | undefined;
}

export interface MigrateOptions {
  readonly source: SideOptions;
  readonly target: SideOptions;
  /** Where logs are kept, and how a migration is done where `settings` does not say otherwise. */
  readonly config: Config;
  readonly settings?: Partial<MigrationSettings>;
  /** Id of the new migration; a new one where left out. */
  readonly id?: string | undefined;
  /** Called once a new migration has its id. */
  readonly started?: ((id: string) => void) | undefined;
  readonly progress?: MigrationProgress | undefined;
  /** Called with what the check of the source has found. */
  readonly checked?: ((preflight: Preflight) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
  /** For how many milliseconds a store may be out of reach, or throttle, before the migration stops; a minute where left out. */
  readonly retryForMs?: number | undefined;
}

/** An id that sorts by time. */
export const newMigrationId = (): string => newSortableId('migration', now());

interface Storages {
  readonly source: Config['storage'];
  readonly target: Config['storage'];
}

/** What both sides are, before anything is opened. @throws MigrationError where they are the same, or not described */
function storagesOf({ source, target }: Pick<MigrateOptions, 'source' | 'target'>): Storages {
  const storages = {
    source: storageOf(source.config, source.type, '--source-config'),
    target: storageOf(target.config, target.type, '--target-config'),
  };
  requireDifferent(storages.source, storages.target);
  return storages;
}

/** Opens both stores, runs `work` and closes them. */
async function withStores<T>(
  storages: Storages,
  work: (stores: { source: MigrationStore; target: MigrationStore }) => Promise<T>,
): Promise<T> {
  await using stack = new AsyncDisposableStack();
  const source = await openStore('source', storages.source);
  stack.use(source.repository);
  const target = await openStore('target', storages.target);
  stack.use(target.repository);
  return await work({ source, target });
}

const settingsFor = ({ config, settings }: MigrateOptions): MigrationSettings => {
  const effective = { ...settingsOf(config.migration), ...settings };
  if (effective.cleanupSource && !effective.validate) {
    throw new MigrationError(
      'The source is only cleaned up after both stores were compared. Leave out --no-validate (validate_after_migration), ' +
        'or --cleanup-source.',
    );
  }
  return effective;
};

/**
 * What a migration is to do, for its log.
 * @throws MigrationError, ConfigurationError where the options cannot be carried out
 */
export function planOf(options: MigrateOptions, origin: MigrationPlan['origin']): MigrationPlan {
  const storages = storagesOf(options);
  const choice = (side: 'source' | 'target'): StoreChoice => {
    const { type, configFile } = options[side];
    return { type, place: storeLocation(storages[side]), ...(configFile !== undefined && { config: configFile }) };
  };
  return { source: choice('source'), target: choice('target'), settings: settingsFor(options), origin };
}

const locationOf = ({ backup: { region, endpoint } }: Config): LocationSettings => ({ region, endpoint });

/**
 * Copies all entities of one store to another: preflight, backup, copy, comparison, and where wanted, cleanup of the source.
 * Versions and timestamps stay. Where it stops, `resumeMigration` goes on; nothing is lost on either side.
 * @throws MigrationError, BackupError, ConfigurationError
 */
export async function migrateRepository(options: MigrateOptions): Promise<MigrationReport> {
  const { id = newMigrationId() } = options;
  const log = MigrationLog.create(options.config.migration.state_location, id, planOf(options, 'command'));
  options.started?.(id);
  return runLogged(log, options);
}

/**
 * Goes on with a migration where its log ends. The stores must be those of the log.
 * @throws MigrationError
 */
export async function resumeMigration(id: string, options: MigrateOptions): Promise<MigrationReport> {
  const { source, target, config } = options;
  const log = MigrationLog.resume(config.migration.state_location, id);
  try {
    if (log.state.report !== undefined) {
      throw new MigrationError(`The migration ${id} is finished: nothing is left to do.`);
    }
    requirePosition('source', log.state.plan.source.place, source);
    requirePosition('target', log.state.plan.target.place, target);
  } catch (error) {
    log.close();
    throw error;
  }
  return runLogged(log, options);
}

function requirePosition(side: 'source' | 'target', planned: string, { config, type }: SideOptions): void {
  const place = storeLocation(storageOf(config, type, `--${side}-config`));
  if (place === planned) return;
  throw new MigrationError(`The ${side} of this migration was ${planned}; the configuration names ${place} now.`);
}

const partsOf = ({
  config,
  progress,
  signal,
  retryForMs,
}: MigrateOptions): Pick<MigrationParts, 'location' | 'progress' | 'signal' | 'retryForMs'> => ({
  location: locationOf(config),
  progress,
  signal,
  retryForMs,
});

/** Runs what is left of a migration, and logs how it ends. */
async function runLogged(log: MigrationLog, options: MigrateOptions): Promise<MigrationReport> {
  try {
    const { settings } = log.state.plan;
    const report = await withStores(storagesOf(options), (stores) =>
      run(new Migration({ ...partsOf(options), ...stores, settings, log }), log, options),
    );
    log.add({ event: 'finished', report });
    return report;
  } catch (error) {
    const interrupted = options.signal?.aborted === true;
    try {
      log.add(interrupted ? { event: 'interrupted' } : { event: 'failed', message: reasonOf(error) });
    } catch {
      // The first error says more; where the log itself is what failed, it is that one.
    }
    throw asMigrationError(interrupted ? new MigrationError('The migration was interrupted.') : error, log);
  } finally {
    log.close();
  }
}

async function run(migration: Migration, log: MigrationLog, { checked }: MigrateOptions): Promise<MigrationReport> {
  const { state } = log;
  const { settings, source, target } = state.plan;
  await migration.validateSourceConnection();
  if (state.segments === undefined) {
    await migration.validateTargetConnection();
    const preflight = await migration.validateSchemaCompatibility();
    checked?.(preflight);
    await migration.requireCompatible(preflight);
    log.add({ event: 'checked', totals: preflight.totals, segments: migration.segments });
  }
  if (settings.createBackup && state.backup === undefined) {
    log.add({ event: 'backed_up', backup: await migration.createBackup() });
  }
  await migration.copy();
  const validation = state.validation ?? (settings.validate ? await migration.validateMigration() : undefined);
  const clean = validation !== undefined && differencesIn(validation) === 0;
  if (settings.cleanupSource && clean) {
    // What is deleted from the source would look like an extra of the target to a migration that goes on from here.
    if (state.validation === undefined) log.add({ event: 'compared', validation });
    await migration.cleanupSource();
  }
  return {
    id: state.id,
    outcome: outcomeOf({ collections: state.collections, ...(validation !== undefined && { validation }) }),
    source: source.place,
    target: target.place,
    startedAt: state.startedAt,
    finishedAt: now(),
    collections: state.collections,
    ...(state.backup !== undefined && { backup: state.backup }),
    ...(validation !== undefined && { validation }),
    ...(state.removed !== undefined && { removed: state.removed }),
  };
}

/** An error that says how to go on, where something was begun. */
function asMigrationError(error: unknown, { state }: MigrationLog): Error {
  if (state.segments === undefined) {
    return error instanceof StorageError ? error : new MigrationError(reasonOf(error), { cause: error });
  }
  const copied = Object.values(state.collections).reduce((sum, collection) => sum + collection.copied, 0);
  return new MigrationError(
    `${reasonOf(error)} ${copied} entities are copied. Go on with: hfstorage migrateRepository --resume ${state.id}`,
    { cause: error },
  );
}

/** Looks at everything that a migration would look at before it writes, and writes no entity. */
export async function planMigration(options: MigrateOptions): Promise<Preflight> {
  const settings = settingsFor(options);
  return withStores(storagesOf(options), async (stores) => {
    const migration = new Migration({ ...partsOf(options), ...stores, settings });
    await migration.validateSourceConnection();
    await migration.validateTargetConnection();
    return migration.validateSchemaCompatibility();
  });
}

/** Compares two stores entity by entity, and writes nothing. */
export async function compareRepositories(options: MigrateOptions): Promise<Validation> {
  const settings = { ...settingsFor(options), merge: true };
  return withStores(storagesOf(options), async (stores) => {
    const migration = new Migration({ ...partsOf(options), ...stores, settings });
    await migration.validateSourceConnection();
    return migration.validateMigration({ repair: false });
  });
}
