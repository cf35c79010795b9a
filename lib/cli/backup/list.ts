import { summariesOf } from '../../backup/backup-summary.ts';
import { collectionNames } from '../../model/collections.ts';
import type { Session } from '../session.ts';
import { displayText } from '../tables.ts';
import { backupLocation, consistencyText, type LocationFlag, sizeText } from './location.ts';

/** Lists the backups in a location, oldest first, with the problem of each unusable one. */
export async function listCommand(session: Session, flags: LocationFlag): Promise<void> {
  const { output } = session;
  const { location } = await backupLocation(session, flags);
  const backups = await summariesOf(location);
  if (output.json) return output.value({ location: location.text, backups });
  if (backups.length === 0) return output.note(`There are no backups in ${location.text}.`);
  const rows = backups.map((backup) => [
    backup.id,
    backup.created_at,
    backup.source === undefined ? backup.kind : `${backup.kind} ${displayText(backup.source.store)}`,
    backup.state,
    sizeText(backup.bytes),
    ...collectionNames.map((name) => String(backup.entities?.[name] ?? '')),
    consistencyText(backup),
  ]);
  await output.table(['backup', 'taken', 'kind', 'state', 'size', ...collectionNames, 'consistent'], rows);
  for (const { id, reason } of backups) if (reason !== undefined) output.note(`${id}: ${displayText(reason)}`);
}
