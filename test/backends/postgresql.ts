/** The PostgreSQL servers of the tests: one that all test files share, and those that a test stops and starts itself. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, copyFile, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { freePort, type KeeperOptions, startServer } from './kept-process.ts';
import { findPostgresql, postgresqlUser } from './postgresql-binaries.ts';
import type { Service } from './service.ts';

const HOST = '127.0.0.1';
const USER = 'hfstorage';

const SETTINGS = {
  listen_addresses: HOST,
  unix_socket_directories: '',
  max_connections: '200',
  // The data need not outlive a crash of the machine. A crash of the server alone loses nothing by this.
  fsync: 'off',
  full_page_writes: 'off',
};

// A dictionary order, which differs from byte order, so that a statement without its collation is detected.
const LOCALE = ['--encoding=UTF8', '--locale-provider=icu', '--icu-locale=en-US', '--locale=C'];

/** A folder with the data of one server. */
interface Cluster {
  readonly folder: string;
  readonly data: string;
  readonly postgres: string;
  readonly password: string;
  readonly user: KeeperOptions['user'];
}

async function createCluster(): Promise<Cluster> {
  const user = postgresqlUser();
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-test-postgresql-'));
  try {
    if (user !== undefined) await chown(folder, user.uid, user.gid);
    const { initdb, postgres } = await findPostgresql(folder, user);
    const data = join(folder, 'data');
    const password = randomBytes(16).toString('hex');
    const passwordFile = join(folder, 'password');
    await writeFile(passwordFile, password, { mode: 0o600 });
    if (user !== undefined) await chown(passwordFile, user.uid, user.gid);
    const who = [`--username=${USER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256'];
    await promisify(execFile)(initdb, ['-D', data, ...LOCALE, ...who, '--no-sync'], { ...user, cwd: folder });
    return { folder, data, postgres, password, user };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

const urlOf = ({ password }: Cluster, port: number): string =>
  `postgresql://${USER}:${password}@${HOST}:${port}/postgres`;

async function answers(connectionString: string): Promise<boolean> {
  const client = new pg.Client({ connectionString, connectionTimeoutMillis: 30_000 });
  // A server that is still starting may close a connection that it has accepted.
  client.on('error', () => {});
  await client.connect();
  await client.end();
  return true;
}

function run(cluster: Cluster, port: number, settings: Readonly<Record<string, string>>, options?: KeeperOptions) {
  const given = Object.entries({ ...SETTINGS, ...settings }).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  return startServer(
    [cluster.postgres, '-D', cluster.data, '-p', `${port}`, ...given],
    () => answers(urlOf(cluster, port)),
    // SIGTERM would wait until every client has gone; SIGINT ends their sessions.
    { user: cluster.user, endSignal: 'SIGINT', ...options },
  );
}

/** Sets HFSTORAGE_TEST_POSTGRES_URL: a superuser's address of a server of this run, unless one is given. */
export async function startPostgresql(): Promise<Service> {
  const given = process.env.HFSTORAGE_TEST_POSTGRES_URL;
  if (given !== undefined) {
    await answers(given).catch((error: Error) => {
      throw new Error(`The PostgreSQL server of HFSTORAGE_TEST_POSTGRES_URL does not answer: ${error.message}`);
    });
    return { environment: { HFSTORAGE_TEST_POSTGRES_URL: given }, stop: async () => {} };
  }
  const cluster = await createCluster();
  const port = await freePort();
  const stop = await run(cluster, port, {}, { folder: cluster.folder });
  return { environment: { HFSTORAGE_TEST_POSTGRES_URL: urlOf(cluster, port) }, stop };
}

export interface OwnPostgresqlOptions {
  /** Settings of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Makes the server speak TLS, with copies of these files. It still accepts connections without TLS. */
  readonly ssl?: { readonly certFile: string; readonly keyFile: string };
}

/** A server of one test's own. */
export interface OwnPostgresql {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
  /** The address of its database `postgres`. */
  readonly url: string;
  /** Stops the server: `fast` ends the sessions and writes everything to disk, `immediate` is a crash. */
  stop(mode: 'fast' | 'immediate'): Promise<void>;
  /** Starts it again, on the same port with the same data. */
  start(): Promise<void>;
  /** Stops it if it is running, and removes its data. */
  remove(): Promise<void>;
}

async function sslSettings({ data, user }: Cluster, { certFile, keyFile }: NonNullable<OwnPostgresqlOptions['ssl']>) {
  for (const [from, name] of [
    [certFile, 'server.crt'],
    [keyFile, 'server.key'],
  ] as const) {
    const copy = join(data, name);
    await copyFile(from, copy);
    // The server refuses a key that others may read.
    await chmod(copy, 0o600);
    if (user !== undefined) await chown(copy, user.uid, user.gid);
  }
  return { ssl: 'on', ssl_cert_file: 'server.crt', ssl_key_file: 'server.key' };
}

/** Starts a PostgreSQL server that the test may stop and start again; it takes about a second. */
export async function startOwnPostgresql({ settings, ssl }: OwnPostgresqlOptions = {}): Promise<OwnPostgresql> {
  const cluster = await createCluster();
  const port = await freePort();
  const all: Record<string, string> = { ...settings };
  let stopServer: (() => Promise<void>) | undefined;
  const start = async (): Promise<void> => {
    stopServer ??= await run(cluster, port, all);
  };
  const stop = async (mode: 'fast' | 'immediate'): Promise<void> => {
    if (stopServer === undefined) return;
    if (mode === 'immediate') {
      const [pid] = (await readFile(join(cluster.data, 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGQUIT');
    }
    await stopServer();
    stopServer = undefined;
  };
  const remove = async (): Promise<void> => {
    await stop('fast');
    await rm(cluster.folder, { recursive: true, force: true });
  };
  try {
    if (ssl !== undefined) Object.assign(all, await sslSettings(cluster, ssl));
    await start();
  } catch (error) {
    await remove();
    throw error;
  }
  return {
    host: HOST,
    port,
    user: USER,
    password: cluster.password,
    url: urlOf(cluster, port),
    stop,
    start,
    remove,
  };
}
