import { BackupError } from '../repository/errors.ts';

/** What lies there is not what was written: it can be restored by nobody. */
export class DamagedBackupError extends BackupError {}

/** A newer version of this program wrote it. It may be sound. */
export class NewerBackupError extends BackupError {}
