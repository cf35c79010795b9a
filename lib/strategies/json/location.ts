import { join } from 'node:path';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { makePrivateFile } from '../../objects/file-owner.ts';
import type { FileManager } from './file-manager.ts';
import { backupOf, layoutOf } from './layout.ts';
import { LocalFileManager } from './local-file-manager.ts';
import { FileLockManager, type LockManager, ProcessLockManager } from './lock-manager.ts';

/** Where a store's files are, and how its writers are kept apart. */
export interface Location {
  readonly files: FileManager;
  readonly locks: LockManager;
}

/** Opens the location that `base_path` names: a folder, or `s3://bucket/prefix`. */
export async function openLocation(config: JsonStrategyConfig): Promise<Location> {
  const { base_path } = config;
  if (base_path.startsWith('s3://')) {
    const { openS3FileManager } = await import('./s3-file-manager.ts');
    return { files: openS3FileManager(config), locks: new ProcessLockManager() };
  }
  const { files: dataFiles, journal, lock } = layoutOf(config);
  const names = [...dataFiles.map(({ name }) => name), journal];
  const requireLock = (): void => locks.requireInPlace();
  const files = new LocalFileManager(base_path, [...names, ...names.map(backupOf)], requireLock);
  const prepare = (path: string): void => {
    files.owners.requireMayKeep();
    makePrivateFile(path, files.owners.for(lock));
  };
  const locks = new FileLockManager(join(base_path, lock), prepare);
  return { files, locks };
}
