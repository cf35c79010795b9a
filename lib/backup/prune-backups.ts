import type { BackupLocation } from './backup-location.ts';
import { type ListedBackup, listBackups, timeOf } from './list-backups.ts';

/** How many backups are kept: the newest ones, and the newest of each of the last days, weeks and months (UTC). */
export interface Retention {
  readonly keep_last: number;
  readonly keep_daily: number;
  readonly keep_weekly: number;
  readonly keep_monthly: number;
}

/** A backup without a manifest may still be written: it is left alone for so long. */
const UNFINISHED_MS = 24 * 3600 * 1000;
const DAY_MS = 24 * 3600 * 1000;

// Weeks begin on Monday: 1970-01-01 was a Thursday.
const periods: Readonly<Record<Exclude<keyof Retention, 'keep_last'>, (time: string) => string | number>> = {
  keep_daily: (time) => time.slice(0, 10),
  keep_weekly: (time) => Math.floor((Date.parse(time) / DAY_MS + 3) / 7),
  keep_monthly: (time) => time.slice(0, 7),
};

export interface PrunePlan {
  readonly keep: readonly ListedBackup[];
  readonly remove: readonly ListedBackup[];
}

/**
 * Which backups go. Only complete ones count; the newest of them always stays. Damaged ones are left for people to look
 * at, those that were cut off go after a day.
 * @param backups the oldest first
 */
export function planPrune(backups: readonly ListedBackup[], retention: Retention, at = new Date()): PrunePlan {
  const complete = backups.filter(({ state }) => state === 'complete').toReversed();
  const kept = new Set<ListedBackup>(complete.slice(0, Math.max(1, retention.keep_last)));
  for (const [key, periodOf] of Object.entries(periods)) {
    const newest = new Map<string | number, ListedBackup>();
    for (const backup of complete) {
      const period = periodOf(timeOf(backup));
      if (!newest.has(period)) newest.set(period, backup);
    }
    for (const backup of [...newest.values()].slice(0, retention[key as keyof Retention])) kept.add(backup);
  }
  const goes = (backup: ListedBackup): boolean => {
    if (backup.state === 'complete') return !kept.has(backup);
    return backup.state === 'incomplete' && at.getTime() - backup.modifiedAt.getTime() > UNFINISHED_MS;
  };
  return { keep: backups.filter((backup) => !goes(backup)), remove: backups.filter(goes) };
}

/** Removes backups with all their files, the manifest first: a removal that is cut off leaves no backup that looks whole. */
export async function removeBackups(location: BackupLocation, backups: readonly ListedBackup[]): Promise<void> {
  for (const { id } of backups) {
    const files = await location.list(`${id}/`);
    const names = files.map(({ name }) => name);
    const manifest = names.filter((name) => name.endsWith('/manifest.json'));
    await location.remove(manifest);
    await location.remove(names.filter((name) => !manifest.includes(name)));
  }
}

/** Removes what the retention does not keep, and says what. */
export async function pruneBackups(location: BackupLocation, retention: Retention): Promise<PrunePlan> {
  const plan = planPrune(await listBackups(location), retention);
  await removeBackups(location, plan.remove);
  return plan;
}
