import { entityCounts } from '../../backup/backup-summary.ts';
import { locateBackup } from '../../backup/find-backup.ts';
import type { BackupManifest } from '../../backup/manifest.ts';
import { type RestoreReport, restoreBackup } from '../../backup/restore-backup.ts';
import { storeLocation } from '../../config/store-location.ts';
import { type CollectionName, collectionNames } from '../../model/collections.ts';
import { problemsInWords } from '../../model/json-values.ts';
import type { StorageStrategy } from '../../repository/storage-strategy.ts';
import { openRepository } from '../../strategies/open-repository.ts';
import { WHOLE } from '../../transfer/scan-pages.ts';
import { exitCodes, UsageError } from '../failures.ts';
import { Interruption } from '../interruption.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { keepHeapSmall } from '../steady-heap.ts';
import { counted, displayText } from '../tables.ts';
import { backupLocation, type LocationFlag } from './location.ts';

export interface RestoreFlags extends LocationFlag {
  readonly collection: readonly CollectionName[];
  readonly id: readonly string[];
  readonly overwrite?: true;
  readonly onInvalid?: 'fail' | 'skip';
  readonly yes?: true;
}

/** Most entities of each kind that are listed for people. */
const MAX_LISTED = 20;

/** Restores a backup into the configured store. Exit code 3 if entities were kept, left out, or not in the backup. */
export async function restoreCommand(session: Session, id: string, flags: RestoreFlags): Promise<void> {
  keepHeapSmall();
  requireOneCollection(flags);
  const { config, location } = await backupLocation(session, flags);
  const { manifest, passedOver } = await locateBackup(location, id);
  for (const backup of passedOver) session.output.note(`${backup.id} was skipped: it is ${backup.state}.`);
  const target = storeLocation(config.storage);
  await using repository = await openRepository(config);
  if (flags.overwrite && !flags.yes && (await holdsEntities(repository.strategy))) {
    const question = `Entities in ${target} with a newer version than in ${manifest.id} will be overwritten. Continue?`;
    await session.confirm(question, '--overwrite of a store that holds entities');
  }
  using interruption = new Interruption(
    session.output,
    'Restored entities stay; run the same command again to continue.',
  );
  using progress = new Progress(session.output);
  const totals = flags.id.length > 0 ? undefined : entityCounts(manifest);
  const report = await restoreBackup(repository.strategy, {
    location,
    manifest,
    collections:
      flags.collection.length > 0 ? collectionNames.filter((name) => flags.collection.includes(name)) : undefined,
    ids: flags.id.length > 0 ? flags.id : undefined,
    overwrite: flags.overwrite,
    onInvalid: flags.onInvalid ?? config.migration.on_invalid,
    defaults: config.migration.defaults,
    enforceReferences: config.storage.enforce_references,
    signal: interruption.signal,
    progress: (phase, collection, n) => progress.add(`${phase} ${collection}`, n, totals?.[collection]),
  });
  progress[Symbol.dispose]();
  await print(session, manifest, target, report);
}

/** @throws UsageError, since an id alone does not identify an entity */
function requireOneCollection({ id, collection }: RestoreFlags): void {
  if (id.length > 0 && collection.length !== 1) throw new UsageError('--id and --ids need one --collection.');
}

async function holdsEntities(strategy: StorageStrategy): Promise<boolean> {
  for (const collection of collectionNames) {
    // A page of a DynamoDB table may be empty although others follow.
    const { items, cursor } = await strategy.scan(collection, { ...WHOLE, limit: 1 });
    if (items.length > 0 || cursor !== undefined) return true;
  }
  return false;
}

async function print(
  session: Session,
  { id }: BackupManifest,
  target: string,
  { collections, kept, skipped, totals, missingIds }: RestoreReport,
): Promise<void> {
  const { output } = session;
  const missed = totals.kept + totals.skipped + missingIds.length;
  if (missed > 0) session.exitCode = exitCodes.differences;
  if (output.json) {
    return output.value({ backup: id, target, collections, totals, kept, skipped, missing_ids: missingIds });
  }
  const rows = Object.entries(collections).map(([name, { entities, restored }]) => [
    name,
    `${entities}`,
    `${restored}`,
  ]);
  await output.table(['collection', 'in the backup', 'written'], rows);
  const names = kept.map(({ collection, id: entity }) => `${collection} ${JSON.stringify(entity)}`);
  printListed(session, names, totals.kept, 'differs in the store and was kept (--overwrite replaces it)');
  const incompatible = skipped.map(({ collection, id: entity, problems }) => {
    const why = problemsInWords(problems);
    return `${collection} ${JSON.stringify(entity)} (${displayText(why)})`;
  });
  printListed(session, incompatible, totals.skipped, 'was left out');
  printListed(
    session,
    missingIds.map((entity) => JSON.stringify(entity)),
    missingIds.length,
    'is not in the backup',
  );
  output.note(`Restored ${id} into ${target}${missed === 0 ? ', read back and compared' : ''}.`);
}

function printListed({ output }: Session, names: readonly string[], total: number, what: string): void {
  for (const name of names.slice(0, MAX_LISTED)) output.note(`${name} ${what}.`);
  const more = total - Math.min(names.length, MAX_LISTED);
  if (more > 0) output.note(`… and ${counted(more, 'more entity').replace('entitys', 'entities')}.`);
}
