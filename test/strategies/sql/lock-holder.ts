import { spawn } from 'node:child_process';
import { once } from 'node:events';

// Plain JavaScript, so that the process starts fast.
const PROGRAM = `
  import { DatabaseSync } from 'node:sqlite';
  const [file, statement] = process.argv.slice(1);
  const database = new DatabaseSync(file, { timeout: 60_000 });
  database.exec(statement);
  process.stdout.write('held');
  process.stdin.on('end', () => database.close()).resume();
`;

export interface LockHolder {
  /** Ends the process, and with it the lock. */
  release(): Promise<void>;
}

/** Holds a lock on a SQLite file in another process. @param statement such as BEGIN EXCLUSIVE */
export async function holdLock(file: string, statement: string): Promise<LockHolder> {
  const args = ['--disable-warning=ExperimentalWarning', '--input-type=module', '-e', PROGRAM, file, statement];
  const holder = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  return {
    async release() {
      holder.stdin.end();
      await once(holder, 'close');
    },
  };
}
