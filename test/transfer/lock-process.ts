/** A process that takes a lock and keeps it until it is ended: `lock-process.ts FOLDER NAME`. Prints whether it has it. */
import { RunLock } from '../../lib/transfer/run-lock.ts';

const [folder, name] = process.argv.slice(2) as [string, string];
const lock = RunLock.take(folder, name);
process.stdout.write(lock === undefined ? 'no\n' : 'yes\n');
if (lock !== undefined) setInterval(() => lock, 1_000);
