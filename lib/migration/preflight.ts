/** What is looked at before anything is written: connections, permissions, room, and every entity of the source. */

import { randomUUID } from 'node:crypto';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../config/configuration.ts';
import { isS3BasePath } from '../config/json-strategy.ts';
import { collectionNames } from '../model/collections.ts';
import { problemsInWords } from '../model/json-values.ts';
import { MigrationError, StorageError } from '../repository/errors.ts';
import { WriteRejected } from '../repository/guarded-write.ts';
import type { StorageStrategy, UndeclaredColumn } from '../repository/storage-strategy.ts';
import { columnsText, notCopiedText } from '../transfer/undeclared-columns.ts';
import type { Preflight } from './report.ts';
import type { MigrationStore } from './stores.ts';

/**
 * Room on the disk for a byte of JSON: data, its indexes and what the store keeps beside it while it writes. The JSON store
 * has the file, its journal and its backup copy; SQLite the tables, five indexes and the WAL (measured: 2.1).
 */
const ROOM_PER_BYTE = 3;

/** Proves that the source can be read, and all of it. @throws MigrationError */
export async function requireReadable({ repository, place }: MigrationStore): Promise<void> {
  let columns: readonly UndeclaredColumn[];
  try {
    await repository.health();
    await repository.strategy.scan('templates', { segment: 0, segments: 1, limit: 1 });
    columns = (await repository.strategy.undeclaredColumns?.()) ?? [];
  } catch (error) {
    throw unusable('source', place, 'read', error);
  }
  if (columns.length > 0) {
    throw new MigrationError(`The source, ${place}, cannot be copied as a whole: ${notCopiedText(columns)}`);
  }
}

/** Proves that the target can be written, and unless `merge` is set, that it is empty. @throws MigrationError */
export async function requireWritable({ repository, place, storage }: MigrationStore, merge: boolean): Promise<void> {
  let required: readonly UndeclaredColumn[];
  try {
    await repository.health();
    await requireFolder(storage);
    await tryDeletion(repository.strategy);
    required = ((await repository.strategy.undeclaredColumns?.()) ?? []).filter((column) => column.required);
  } catch (error) {
    throw unusable('target', place, 'written', error);
  }
  if (required.length > 0) {
    throw new MigrationError(
      `The target, ${place}, cannot be written: it has columns that take no NULL and that this program does not know: ` +
        `${columnsText(required)}. Drop them, give them a default, or choose another target.`,
    );
  }
  if (merge) return;
  for (const collection of collectionNames) {
    const { items } = await repository.strategy.scan(collection, { segment: 0, segments: 1, limit: 1 });
    if (items.length === 0) continue;
    throw new MigrationError(
      `The target, ${place}, is not empty: it holds ${collection}. Choose an empty one, or go on with --merge, which keeps ` +
        'what is newer in the target. A migration that was interrupted goes on with --resume.',
    );
  }
}

const unusable = (side: string, place: string, use: string, error: unknown): MigrationError =>
  new MigrationError(`The ${side}, ${place}, cannot be ${use}. ${(error as Error).message}`, { cause: error });

/** Deletes what does not exist: it takes the permission to write, and writes nothing. */
async function tryDeletion(strategy: StorageStrategy): Promise<void> {
  const id = `hfstorage-probe-${randomUUID()}`;
  try {
    await strategy.write([{ kind: 'delete', collection: 'machines', id, unreferencedBy: [] }]);
  } catch (error) {
    if (!(error instanceof WriteRejected)) throw error;
  }
}

/** The folder on this machine in which a store keeps its data; undefined where it is elsewhere. */
function folderOf({ strategy, json_strategy, sql_strategy }: Config['storage']): string | undefined {
  if (strategy === 'json' && !isS3BasePath(json_strategy.base_path)) return resolve(json_strategy.base_path);
  return strategy === 'sql' && sql_strategy.type === 'sqlite' ? resolve(dirname(sql_strategy.name)) : undefined;
}

async function requireFolder(storage: Config['storage']): Promise<void> {
  const folder = folderOf(storage);
  if (folder === undefined) return;
  try {
    await access(folder, constants.R_OK | constants.W_OK);
  } catch (cause) {
    throw new MigrationError(`This user may not write in ${folder}: let it read and write there.`, { cause });
  }
}

/** @throws MigrationError where the disk of the target, or of a backup, has less room than the entities will take */
export async function requireRoom(target: MigrationStore, bytes: number, backupFolder?: string): Promise<void> {
  const needs: [folder: string, bytes: number][] = [];
  const folder = folderOf(target.storage);
  if (folder !== undefined) needs.push([folder, ROOM_PER_BYTE * bytes]);
  // Compressed, it takes much less.
  if (backupFolder !== undefined && !isS3BasePath(backupFolder)) needs.push([resolve(backupFolder), bytes]);
  const disks = new Map<number, Disk>();
  for (const [path, needed] of needs) {
    const disk = await diskOf(path);
    if (disk !== undefined) disks.set(disk.device, { ...disk, needed: (disks.get(disk.device)?.needed ?? 0) + needed });
  }
  for (const { path, free, needed } of disks.values()) {
    if (free >= needed) continue;
    throw new MigrationError(
      `${path} has ${megabytes(free)} free; the entities may take ${megabytes(needed)} there. Free space, or choose another place.`,
    );
  }
}

const megabytes = (bytes: number): string => `${Math.ceil(bytes / 1e6)} MB`;

interface Disk {
  readonly device: number;
  /** A folder on it. */
  readonly path: string;
  /** Bytes that this user may still write. */
  readonly free: number;
  /** Bytes that the migration may take there. */
  readonly needed: number;
}

/** The disk on which a folder is, or will be. */
async function diskOf(folder: string): Promise<Disk | undefined> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const [{ bavail, bsize }, { dev: device }] = await Promise.all([statfs(path), stat(path)]);
      return { device, path: folder, free: bavail * bsize, needed: 0 };
    } catch {
      if (dirname(path) === path) return undefined;
    }
  }
}

/** @throws MigrationError naming some of what does not fit */
export function requireCompatible({ incompatible, incompatibleTotals }: Preflight, target: MigrationStore): void {
  const [first] = incompatible;
  if (first === undefined) return;
  const counts = collectionNames
    .filter((name) => incompatibleTotals[name] > 0)
    .map((name) => `${incompatibleTotals[name]} ${name}`);
  const why = problemsInWords(first.problems);
  throw new MigrationError(
    `The target, ${target.place}, cannot hold ${counts.join(', ')}, such as ${first.collection} ` +
      `${JSON.stringify(first.id)}: ${why}. Nothing was written. Correct them, give defaults in migration.defaults, or leave them out ` +
      'with --on-invalid skip. --dry-run lists them.',
  );
}

/** What a store said, or that something else went wrong, for the log of a migration. */
export const reasonOf = (error: unknown): string =>
  error instanceof StorageError ? error.message : `Unexpected: ${(error as Error).message ?? String(error)}`;
