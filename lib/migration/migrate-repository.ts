import type { LocationSettings } from '../backup/backup-location.ts';
import { newBackupId } from '../backup/create-backup.ts';
import type { Config } from '../config/configuration.ts';
import { storePlace } from '../config/store-place.ts';
import { now } from '../model/timestamps.ts';
import { MigrationError } from '../repository/errors.ts';
import { Migration, type MigrationParts, type MigrationProgress } from './migration.ts';
import { MigrationLog } from './migration-log.ts';
import { differencesIn, type MigrationReport, type Preflight, type Validation } from './migration-report.ts';
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
}

/** An id that sorts by time. */
export const newMigrationId = (): string => newBackupId('migration', now());

const plural = { source: '--source', target: '--target' } as const;

/** Opens both stores of `options`, runs `work` and closes them. */
async function withStores<T>(
  { source, target }: Pick<MigrateOptions, 'source' | 'target'>,
  work: (stores: { source: MigrationStore; target: MigrationStore }) => Promise<T>,
): Promise<T> {
  const storages = {
    source: storageOf(source.config, source.type, `${plural.source}-config`),
    target: storageOf(target.config, target.type, `${plural.target}-config`),
  };
  requireDifferent(storages.source, storages.target);
  await using stack = new AsyncDisposableStack();
  const opened = { source: await openStore('source', storages.source) };
  stack.use(opened.source.repository);
  const stores = { ...opened, target: await openStore('target', storages.target) };
  stack.use(stores.target.repository);
  return await work(stores);
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

const choiceOf = ({ type, configFile }: SideOptions, { place }: MigrationStore): StoreChoice => ({
  type,
  place,
  ...(configFile !== undefined && { config: configFile }),
});

const locationOf = ({ backup: { region, endpoint } }: Config): LocationSettings => ({ region, endpoint });

/**
 * Copies all entities of one store to another: preflight, backup, copy, comparison, and where wanted, cleanup of the source.
 * Versions and timestamps stay. Where it stops, `resumeMigration` goes on; nothing is lost on either side.
 * @throws MigrationError, BackupError, ConfigurationError
 */
export async function migrateRepository(options: MigrateOptions): Promise<MigrationReport> {
  const settings = settingsFor(options);
  return withStores(options, async ({ source, target }) => {
    const parts = { ...partsOf(options), source, target, settings };
    const migration = new Migration(parts);
    const plan: MigrationPlan = {
      source: choiceOf(options.source, source),
      target: choiceOf(options.target, target),
      settings,
    };
    await migration.validateSourceConnection();
    await migration.validateTargetConnection();
    const { id = newMigrationId() } = options;
    const log = MigrationLog.create(options.config.migration.state_location, id, plan, migration.segments);
    options.started?.(id);
    return runLogged(log, { ...parts, log }, options);
  });
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
    requirePlace('source', log.state.plan.source.place, source);
    requirePlace('target', log.state.plan.target.place, target);
  } catch (error) {
    log.close();
    throw error;
  }
  return withStores(options, (stores) =>
    runLogged(log, { ...partsOf(options), ...stores, settings: log.state.plan.settings, log }, options),
  ).finally(() => log.close());
}

function requirePlace(side: 'source' | 'target', planned: string, { config, type }: SideOptions): void {
  const place = storePlace(storageOf(config, type, `--${side}-config`));
  if (place === planned) return;
  throw new MigrationError(`The ${side} of this migration was ${planned}; the configuration names ${place} now.`);
}

const partsOf = ({
  config,
  progress,
  signal,
}: MigrateOptions): Pick<MigrationParts, 'location' | 'progress' | 'signal'> => ({
  location: locationOf(config),
  progress,
  signal,
});

/** Runs what is left of a migration, and logs how it ends. */
async function runLogged(
  log: MigrationLog,
  parts: MigrationParts & { log: MigrationLog },
  options: MigrateOptions,
): Promise<MigrationReport> {
  try {
    const report = await run(new Migration(parts), parts, options);
    log.add({ event: 'finished', report });
    return report;
  } catch (error) {
    const interrupted = options.signal?.aborted === true;
    log.add(interrupted ? { event: 'interrupted' } : { event: 'failed', message: reasonOf(error) });
    throw asMigrationError(interrupted ? new MigrationError('The migration was interrupted.') : error, log);
  } finally {
    log.close();
  }
}

async function run(
  migration: Migration,
  { log, settings }: MigrationParts & { log: MigrationLog },
  { checked }: MigrateOptions,
): Promise<MigrationReport> {
  const { state } = log;
  if (!state.checked) {
    const preflight = await migration.validateSchemaCompatibility();
    checked?.(preflight);
    await migration.requireCompatible(preflight);
    log.add({ event: 'checked', totals: preflight.totals });
  }
  if (settings.createBackup && state.backup === undefined) {
    log.add({ event: 'backed_up', backup: await migration.createBackup() });
  }
  await migration.copy();
  const validation = settings.validate ? await migration.validateMigration() : undefined;
  const clean = validation !== undefined && differencesIn(validation) === 0;
  const removed = settings.cleanupSource && clean ? await migration.cleanupSource() : undefined;
  return {
    id: state.id,
    outcome: validation === undefined || clean ? 'succeeded' : 'differences',
    source: state.plan.source.place,
    target: state.plan.target.place,
    startedAt: state.startedAt,
    finishedAt: now(),
    collections: state.collections,
    ...(state.backup !== undefined && { backup: state.backup }),
    ...(validation !== undefined && { validation }),
    ...(removed !== undefined && { removed }),
  };
}

/** An error that says how to go on. */
function asMigrationError(error: unknown, { state }: MigrationLog): Error {
  const copied = Object.values(state.collections).reduce((sum, { copied }) => sum + copied, 0);
  const begun = copied > 0 ? ` ${copied} entities were copied.` : '';
  return new MigrationError(`${reasonOf(error)}${begun} Go on with: hfs migrateRepository --resume ${state.id}`, {
    cause: error,
  });
}

/** Looks at everything that a migration would look at before it writes, and writes no entity. */
export async function planMigration(options: MigrateOptions): Promise<Preflight> {
  const settings = settingsFor(options);
  return withStores(options, async (stores) => {
    const migration = new Migration({ ...partsOf(options), ...stores, settings });
    await migration.validateSourceConnection();
    await migration.validateTargetConnection();
    return migration.validateSchemaCompatibility();
  });
}

/** Compares two stores entity by entity, and writes nothing. */
export async function compareRepositories(options: MigrateOptions): Promise<Validation> {
  const settings = { ...settingsFor(options), merge: true };
  return withStores(options, async (stores) => {
    const migration = new Migration({ ...partsOf(options), ...stores, settings });
    await migration.validateSourceConnection();
    return migration.validateMigration({ repair: false });
  });
}
