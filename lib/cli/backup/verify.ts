import { entityCounts } from '../../backup/backup-summary.ts';
import { DamagedBackupError } from '../../backup/damage.ts';
import { findNativeBackup, locateBackup } from '../../backup/find-backup.ts';
import { verifyNativeBackup } from '../../backup/native-backups.ts';
import { verifyBackup } from '../../backup/read-backup.ts';
import type { Location } from '../../objects/location.ts';
import { exitCodes } from '../failures.ts';
import { Interruption } from '../interruption.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { keepHeapSmall } from '../steady-heap.ts';
import { backupLocation, entitiesText, type LocationFlag } from './location.ts';

/** Reads a whole backup. Exit code 3 if it is damaged. */
export async function verifyCommand(session: Session, id: string, flags: LocationFlag): Promise<void> {
  keepHeapSmall();
  const { output } = session;
  const { location } = await backupLocation(session, flags);
  try {
    const verified = await verify(session, location, id);
    if (output.json) await output.value({ id: verified.id, ok: true, entities: verified.entities });
    else await output.line(`${verified.id} is sound: ${verified.contents}.`);
  } catch (error) {
    if (!(error instanceof DamagedBackupError)) throw error;
    session.exitCode = exitCodes.differences;
    if (output.json) await output.value({ id, ok: false, reason: error.message });
    else output.problem(error.message);
  }
}

interface Verified {
  readonly id: string;
  /** The contents of the backup, for people. */
  readonly contents: string;
  readonly entities?: Readonly<Record<string, number>>;
}

async function verify(session: Session, location: Location, id: string): Promise<Verified> {
  using interruption = new Interruption(session.output, 'Whether the backup is sound is not known.');
  using progress = new Progress(session.output);
  const native = await findNativeBackup(location, id);
  if (native !== undefined) {
    await verifyNativeBackup(location, native, interruption.signal);
    return { id, contents: native.files.map(({ file }) => file).join(', ') };
  }
  const { manifest, passedOver } = await locateBackup(location, id);
  for (const backup of passedOver) session.output.note(`${backup.id} was skipped: it is ${backup.state}.`);
  const entities = entityCounts(manifest);
  const read = (collection: keyof typeof entities, n: number): void =>
    progress.add(`read ${collection}`, n, entities[collection]);
  await verifyBackup(location, manifest, read, interruption.signal);
  return { id: manifest.id, contents: entitiesText(entities), entities };
}
