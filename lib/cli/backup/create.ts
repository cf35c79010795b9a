import { requireBackupId } from '../../backup/backup-id.ts';
import { backupStateOf } from '../../backup/backup-order.ts';
import { entityCounts } from '../../backup/backup-summary.ts';
import { createBackup } from '../../backup/create-backup.ts';
import type { BackupManifest } from '../../backup/manifest.ts';
import { createNativeBackup, type NativeManifest } from '../../backup/native-backups.ts';
import type { Config } from '../../config/configuration.ts';
import { storeLocation } from '../../config/store-location.ts';
import { openStates } from '../../migration/plan.ts';
import { type CollectionName, collectionNames } from '../../model/collections.ts';
import { newSortableId } from '../../model/sortable-id.ts';
import { now } from '../../model/timestamps.ts';
import type { KeptBackup } from '../../repository/native-copy.ts';
import type { StorageStrategy } from '../../repository/storage-strategy.ts';
import { copiesToFiles, copyNatively } from '../../strategies/native-backup.ts';
import { openRepository } from '../../strategies/open-repository.ts';
import { takeJobLock } from '../../transfer/job-locks.ts';
import type { WorkState } from '../../transfer/work-state.ts';
import { Interruption } from '../interruption.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { keepHeapSmall } from '../steady-heap.ts';
import {
  type BackupLocationChoice,
  backupLocation,
  consistencyText,
  entitiesText,
  type LocationFlag,
  sizeText,
} from './location.ts';

export interface CreateFlags extends LocationFlag {
  readonly native?: true;
  readonly id?: string;
}

/** Takes a backup and prints its contents. */
export async function createCommand(session: Session, flags: CreateFlags): Promise<void> {
  keepHeapSmall();
  const choice = await backupLocation(session, flags);
  if (flags.id !== undefined) requireBackupId(flags.id);
  using claimed = flags.id === undefined ? undefined : await claim(choice.config, flags.id);
  if (flags.native) return await createNative(session, choice, flags);
  const manifest = await createPortable(session, choice, { id: flags.id, state: claimed?.state });
  await print(session, manifest, choice.location.text);
}

/**
 * The state of a backup with an id that the caller has chosen, so that it continues if it is interrupted. It is locked: two
 * processes with one id would remove each other's parts.
 */
async function claim(config: Config, id: string): Promise<Disposable & { readonly state: WorkState }> {
  const { state_location } = config.migration;
  const lock = takeJobLock(state_location, 'backup', id);
  return { state: backupStateOf(await openStates(config), id), [Symbol.dispose]: () => lock[Symbol.dispose]() };
}

async function createPortable(
  session: Session,
  { config, location }: BackupLocationChoice,
  own: { readonly id: string | undefined; readonly state: WorkState | undefined },
): Promise<BackupManifest> {
  await using repository = await openRepository(config);
  using interruption = new Interruption(
    session.output,
    own.state === undefined ? 'The incomplete backup is removed.' : 'Run the same command again to continue.',
  );
  using progress = new Progress(session.output);
  const { strategy } = repository;
  const totals = await totalsOf(strategy);
  // Awaited here: `using` disposes of its variables as soon as this function returns.
  return await createBackup(strategy, {
    location,
    ...own,
    place: storeLocation(config.storage),
    signal: interruption.signal,
    progress: (collection, entities) => progress.add(`back up ${collection}`, entities, totals?.get(collection)),
  });
}

/** The number of entities, if counting them is cheaper than reading them. */
async function totalsOf(strategy: StorageStrategy): Promise<ReadonlyMap<CollectionName, number> | undefined> {
  if (!strategy.capabilities.snapshotReads) return undefined;
  const totals = new Map<CollectionName, number>();
  for (const name of collectionNames) totals.set(name, (await strategy.count(name, [])).count);
  return totals;
}

async function createNative(
  session: Session,
  { config, location }: BackupLocationChoice,
  { id }: Pick<CreateFlags, 'id'>,
): Promise<void> {
  using interruption = new Interruption(session.output, 'The incomplete backup is removed.');
  const { signal } = interruption;
  using progress = new Progress(session.output);
  const options = { signal, progress: progress.add.bind(progress) };
  if (!copiesToFiles(config)) {
    const copied = await copyNatively(config, { ...options, folder: '', id: id ?? newSortableId('native', now()) });
    progress[Symbol.dispose]();
    if ('kept' in copied) await printKept(session, copied.kept);
    return;
  }
  const manifest = await createNativeBackup({
    location,
    id,
    store: storeName(config),
    place: storeLocation(config.storage),
    copy: (folder, backup) => copyNatively(config, { ...options, folder, id: backup }),
  });
  progress[Symbol.dispose]();
  await print(session, manifest, location.text);
}

const storeName = ({ storage: { strategy, sql_strategy } }: Config): string =>
  strategy === 'sql' ? sql_strategy.type : strategy;

async function print(session: Session, manifest: BackupManifest | NativeManifest, location: string): Promise<void> {
  const { output } = session;
  const { id, created_at, finished_at, source, consistent } = manifest;
  const files =
    'files' in manifest ? manifest.files : collectionNames.flatMap((name) => manifest.collections[name].parts);
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const entities = 'files' in manifest ? undefined : entityCounts(manifest);
  const kind = entities === undefined ? 'native' : 'portable';
  if (output.json)
    return output.value({ id, kind, location, created_at, finished_at, source, consistent, bytes, entities });
  const about = entities === undefined ? files.map(({ file }) => file).join(', ') : entitiesText(entities);
  await output.line(`${location.replace(/\/*$/, '/')}${id}: ${about}, ${sizeText(bytes)}.`);
  if (consistencyText(manifest) === 'no') {
    output.note('This store has no snapshots: writes made during the backup may be only partly in it.');
  }
  if (entities !== undefined && Object.values(entities).every((count) => count === 0)) {
    output.note(`The store is empty: ${source.place}. Is it the right one?`);
  }
}

async function printKept({ output }: Session, kept: readonly KeptBackup[]): Promise<void> {
  if (output.json) return output.value({ kind: 'native', consistent: false, backups: kept });
  await output.table(
    ['table', 'backup', 'arn'],
    kept.map(({ table, name, arn }) => [table, name, arn]),
  );
  output.note(
    'DynamoDB keeps these backups. Each is a snapshot of its table, but the three are not from the same moment.',
  );
}
