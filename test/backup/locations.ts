/** Folders for the backups of a test, and what is in a store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createBackup } from '../../lib/backup/create-backup.ts';
import { type RestoreOptions, restoreBackup } from '../../lib/backup/restore-backup.ts';
import { canonicalJson } from '../../lib/model/canonical-json.ts';
import { collectionNames } from '../../lib/model/collections.ts';
import type { Location } from '../../lib/objects/location.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import type { Scanner, StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { pagesOf } from '../../lib/transfer/scan-pages.ts';

export interface BackupFolder extends AsyncDisposable {
  readonly path: string;
  readonly location: Location;
}

export async function newFolder(): Promise<BackupFolder> {
  const path = await mkdtemp(join(tmpdir(), 'hfstorage-backups-'));
  return {
    path,
    location: await openLocation(path),
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

export const backUp = (strategy: StorageStrategy, location: Location, id?: string) =>
  createBackup(strategy, { location, id, place: 'the store of a test' });

export const restore = (strategy: StorageStrategy, options: Omit<RestoreOptions, 'enforceReferences'>) =>
  restoreBackup(strategy, { enforceReferences: true, ...options });

/** Everything that a store holds, byte for byte, in the order of the ids' own text. */
export async function contentOf(store: Scanner): Promise<string[]> {
  const lines: string[] = [];
  for (const collection of collectionNames) {
    for await (const { items } of pagesOf(store, collection, 500)) {
      lines.push(...items.map((entity) => `${collection} ${canonicalJson(entity)}`));
    }
  }
  return lines.sort();
}
