import type { Location } from '../objects/location.ts';
import { type Dated, listBackups, timeOf } from './list-backups.ts';
import { MANIFEST } from './manifest.ts';
import { listNativeBackups, NATIVE_MANIFEST, NATIVE_MARK } from './native-backups.ts';

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

export interface PrunePlan<B extends Dated = Dated> {
  readonly keep: readonly B[];
  readonly remove: readonly B[];
}

/**
 * Which backups go. Only complete ones count; the newest of them always stays. Damaged ones are left for people to look
 * at, those that were cut off go after a day.
 * @param backups the oldest first
 */
export function planPrune<B extends Dated>(
  backups: readonly B[],
  retention: Retention,
  at: Date = new Date(),
): PrunePlan<B> {
  const complete = backups.filter(({ state }) => state === 'complete').toReversed();
  const kept = new Set<B>(complete.slice(0, Math.max(1, retention.keep_last)));
  for (const [key, periodOf] of Object.entries(periods)) {
    const newest = new Map<string | number, B>();
    for (const backup of complete) {
      const period = periodOf(timeOf(backup));
      if (!newest.has(period)) newest.set(period, backup);
    }
    for (const backup of [...newest.values()].slice(0, retention[key as keyof Retention])) kept.add(backup);
  }
  const goes = (backup: B): boolean => {
    if (backup.state === 'complete') return !kept.has(backup);
    return backup.state === 'incomplete' && at.getTime() - Date.parse(timeOf(backup)) > UNFINISHED_MS;
  };
  return { keep: backups.filter((backup) => !goes(backup)), remove: backups.filter(goes) };
}

/** Which backups of a location go: portable and native ones are counted apart. */
export async function planPruneOf(location: Location, retention: Retention, at?: Date): Promise<PrunePlan> {
  const portable = planPrune(await listBackups(location), retention, at);
  const native = planPrune(await listNativeBackups(location), retention, at);
  return { keep: [...portable.keep, ...native.keep], remove: [...portable.remove, ...native.remove] };
}

/**
 * Removes backups with all their files, the manifest first: a removal that is cut off leaves no backup that looks whole,
 * and what it leaves is still known for one.
 */
export async function removeBackups(location: Location, backups: readonly Pick<Dated, 'id'>[]): Promise<void> {
  for (const { id } of backups) {
    const names = (await location.list(id)).map(({ name }) => name);
    const first = names.filter((name) => name === `${id}/${MANIFEST}` || name === `${id}/${NATIVE_MANIFEST}`);
    const last = names.filter((name) => name === `${id}/${NATIVE_MARK}`);
    await location.remove(first);
    await location.remove(names.filter((name) => !first.includes(name) && !last.includes(name)));
    await location.remove(last);
  }
}

/** Removes what the retention does not keep, and says what. */
export async function pruneBackups(location: Location, retention: Retention, at?: Date): Promise<PrunePlan> {
  const plan = await planPruneOf(location, retention, at);
  await removeBackups(location, plan.remove);
  return plan;
}
