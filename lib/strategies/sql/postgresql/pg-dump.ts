/** Runs `pg_dump`, one of PostgreSQL's client programs. */
import { spawn } from 'node:child_process';
import { text } from 'node:stream/consumers';
import { BackupError } from '../../../repository/errors.ts';

const MISSING =
  'pg_dump is not on the PATH. Install the client programs of PostgreSQL (Debian: apt-get install postgresql-client), or ' +
  'take a portable backup, without --native.';

interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

async function run(args: readonly string[], env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<Ended> {
  const child = spawn('pg_dump', args, { env, stdio: ['ignore', 'pipe', 'pipe'], windowsHide: true });
  const stop = (): void => {
    child.kill();
  };
  signal?.addEventListener('abort', stop);
  try {
    const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
    const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), code.catch(() => {})]);
    return { code: await code, stdout, stderr };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') throw new BackupError(MISSING, { cause: error });
    throw new BackupError(`pg_dump cannot be started: ${(error as Error).message}.`, { cause: error });
  } finally {
    signal?.removeEventListener('abort', stop);
  }
}

/** The major version of `pg_dump`. @throws BackupError if it is not installed */
export async function majorOfPgDump(): Promise<number> {
  const { stdout } = await run(['--version'], process.env);
  const [, major] = /(\d+)(?:\.\d+|devel|beta\d*|rc\d*)/.exec(stdout) ?? [];
  if (major === undefined) throw new BackupError(`pg_dump reports no version, but ${JSON.stringify(stdout)}.`);
  return Number(major);
}

/**
 * Dumps the database that the environment names.
 * @throws BackupError with the message of pg_dump
 */
export async function runPgDump(file: string, env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  signal?.throwIfAborted();
  const { code, stderr } = await run(['--format=custom', '--no-password', `--file=${file}`], env, signal);
  signal?.throwIfAborted();
  if (code === 0) return;
  const [reason = `it ended with ${code}`] = stderr.split('\n').filter((line) => line.includes('error'));
  throw new BackupError(`pg_dump failed: ${reason.replace(/^pg_dump: (?:error: )?/, '')}`);
}
