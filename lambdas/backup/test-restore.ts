/**
 * Restores the newest backup into a scratch store, reads it back and compares it, and cleans up: a SQLite file in the
 * function's own temporary folder, so that the test touches nothing that is in use. Lambda tells the operators where it fails,
 * also where it runs out of time or memory.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findBackup } from '../../lib/backup/find-backup.ts';
import { restoreBackup } from '../../lib/backup/restore-backup.ts';
import { backupLocation } from '../../lib/lambda/deployed-stores.ts';
import { logged } from '../../lib/lambda/task-log.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';

interface Tested {
  readonly backup_id: string;
  readonly restored: number;
  /** Records that break the model's rules: a backup holds them, SQL does not. */
  readonly skipped: number;
}

async function test(): Promise<Tested> {
  const location = await backupLocation();
  const manifest = await findBackup(location, 'latest');
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-restore-test-'));
  try {
    await using scratch = await openRepository({
      storage: { strategy: 'sql', sql_strategy: { name: join(folder, 'scratch.db') } },
    });
    const report = await restoreBackup(scratch.strategy, {
      location,
      manifest,
      enforceReferences: true,
      onInvalid: 'skip',
    });
    const restored = Object.values(report.collections).reduce((sum, collection) => sum + collection.restored, 0);
    return { backup_id: manifest.id, restored, skipped: report.totals.skipped };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

export const handler = (input: object = {}): Promise<Tested> => logged('test-restore', input, test);
