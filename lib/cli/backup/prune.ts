import { planPruneOf, type Retention, removeBackups } from '../../backup/prune-backups.ts';
import type { Session } from '../session.ts';
import { counted } from '../tables.ts';
import { backupLocation, type LocationFlag } from './location.ts';

export interface PruneFlags extends LocationFlag {
  readonly dryRun?: true;
  readonly keepLast?: number;
  readonly keepDaily?: number;
  readonly keepWeekly?: number;
  readonly keepMonthly?: number;
}

/** Removes the backups that the retention does not keep. */
export async function pruneCommand(session: Session, flags: PruneFlags): Promise<void> {
  const { output } = session;
  const { config, location } = await backupLocation(session, flags);
  const configured = config.backup.retention;
  const retention: Retention = {
    keep_last: flags.keepLast ?? configured.keep_last,
    keep_daily: flags.keepDaily ?? configured.keep_daily,
    keep_weekly: flags.keepWeekly ?? configured.keep_weekly,
    keep_monthly: flags.keepMonthly ?? configured.keep_monthly,
  };
  const { keep, remove } = await planPruneOf(location, retention);
  if (!flags.dryRun) await removeBackups(location, remove);
  const [kept, removed] = [keep, remove].map((backups) => backups.map(({ id }) => id)) as [string[], string[]];
  if (output.json) return output.value({ location: location.text, dry_run: flags.dryRun === true, removed, kept });
  for (const id of removed) await output.line(id);
  const verb = flags.dryRun ? 'would be removed' : 'removed';
  output.note(`${counted(removed.length, 'backup')} ${verb}, ${kept.length} kept.`);
}
