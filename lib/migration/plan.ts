/** What a migration is to do, as its state keeps it, and where that state is. */
import type { Config } from '../config/configuration.ts';
import { storeLocation } from '../config/store-location.ts';
import { newSortableId } from '../model/sortable-id.ts';
import { now } from '../model/timestamps.ts';
import type { Location } from '../objects/location.ts';
import { openLocation } from '../objects/open-location.ts';
import { MigrationError } from '../repository/errors.ts';
import { StoredState, type WorkState } from '../transfer/work-state.ts';
import { type MigrationSettings, settingsOf } from './settings.ts';
import { requireDifferent, type StoreType, storageOf } from './stores.ts';

const FOLDER = 'migrations';
const PLAN = 'plan';

/** One side of a migration, before it is opened. */
export interface SideOptions {
  readonly type: StoreType;
  readonly config: Config;
  /** The file that `config` was read from, if it is not the program's own: needed to resume. */
  readonly configFile?: string | undefined;
}

/** What is asked for. */
export interface MigrationOrder {
  readonly source: SideOptions;
  readonly target: SideOptions;
  /** Where the state is kept, and how a migration is done unless `settings` says otherwise. */
  readonly config: Config;
  readonly settings?: { readonly [K in keyof MigrationSettings]?: MigrationSettings[K] | undefined } | undefined;
}

/** What the state keeps of an order: no secrets. */
export interface MigrationPlan {
  readonly id: string;
  readonly started_at: string;
  readonly source: StoreChoice;
  readonly target: StoreChoice;
  readonly settings: MigrationSettings;
  /** Who asked for it: the server continues its own when it starts again. */
  readonly origin: 'command' | 'server';
}

export interface StoreChoice {
  readonly type: StoreType;
  /** Configuration file that describes it; the program's own if left out. */
  readonly config?: string | undefined;
  /** See `storeLocation`. */
  readonly place: string;
}

export const newMigrationId = (): string => newSortableId('migration', now());

/** An id comes from outside, and becomes the name of a folder, and with `before-` that of a backup. */
const isMigrationId = (id: string): boolean => /^[\w-]{1,90}$/.test(id);

/** The storage sections of both sides. @throws MigrationError if they are the same store, or not described */
export function storagesOf({ source, target }: Pick<MigrationOrder, 'source' | 'target'>) {
  const storages = {
    source: storageOf(source.config, source.type, '--source-config'),
    target: storageOf(target.config, target.type, '--target-config'),
  };
  requireDifferent(storages.source, storages.target);
  return storages;
}

/** @throws MigrationError if the settings contradict one another */
export function effectiveSettings({
  config,
  settings,
}: Pick<MigrationOrder, 'config' | 'settings'>): MigrationSettings {
  const effective = settingsOf(config.migration, settings);
  if (effective.cleanup_source && !effective.validate_after_migration) {
    throw new MigrationError(
      'The source is only cleaned up after both stores were compared. Leave out --no-validate (validate_after_migration), ' +
        'or --cleanup-source.',
    );
  }
  return effective;
}

/** @throws MigrationError, ConfigurationError if the order cannot be carried out */
export function planOf(order: MigrationOrder, id: string, origin: MigrationPlan['origin']): MigrationPlan {
  const storages = storagesOf(order);
  const choice = (side: 'source' | 'target'): StoreChoice => {
    const { type, configFile } = order[side];
    return { type, place: storeLocation(storages[side]), ...(configFile !== undefined && { config: configFile }) };
  };
  const settings = effectiveSettings(order);
  return { id, started_at: now(), source: choice('source'), target: choice('target'), settings, origin };
}

/** Where the state of all long work is. */
export const openStates = ({ migration, backup: { region, endpoint } }: Config): Promise<Location> =>
  openLocation(migration.state_location, {
    region,
    endpoint,
    failure: MigrationError,
    key: 'migration.state_location',
  });

export const stateOf = (states: Location, id: string): WorkState => new StoredState(states, `${FOLDER}/${id}`);

/**
 * Stores the plan of a new migration.
 * @returns false if there is a migration of this id: of two that are begun at the same time one is
 * @throws MigrationError if it cannot be stored
 */
export async function createPlan(states: Location, plan: MigrationPlan): Promise<boolean> {
  if (!isMigrationId(plan.id)) {
    throw new MigrationError(
      `${JSON.stringify(plan.id)} cannot be the id of a migration: use up to 90 letters, digits, - and _.`,
    );
  }
  return stateOf(states, plan.id).create(PLAN, plan);
}

/** @returns undefined if there is no such migration */
export const findPlan = async (states: Location, id: string): Promise<MigrationPlan | undefined> =>
  isMigrationId(id) ? stateOf(states, id).read<MigrationPlan>(PLAN) : undefined;

/** @throws MigrationError if there is no such migration */
export async function readPlan(states: Location, id: string): Promise<MigrationPlan> {
  const plan = await findPlan(states, id);
  if (plan !== undefined) return plan;
  throw new MigrationError(`There is no migration ${JSON.stringify(id)} in ${states.text}.`);
}

/** Ids of all migrations, sorted. */
export const migrationIds = async (states: Location): Promise<string[]> => (await states.folders(FOLDER)).sort();
