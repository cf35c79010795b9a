/** Removes the backups that the retention does not keep. */
import { pruneBackups } from '../../lib/backup/prune-backups.ts';
import { backupLocation, deployedConfig } from '../../lib/lambda/deployed-stores.ts';
import { logged } from '../../lib/lambda/task-log.ts';

export const handler = (input: object = {}): Promise<{ kept: number; removed: readonly string[] }> =>
  logged('prune', input, async () => {
    const { retention } = (await deployedConfig()).config.backup;
    const { keep, remove } = await pruneBackups(await backupLocation(), retention);
    return { kept: keep.length, removed: remove.map(({ id }) => id) };
  });
