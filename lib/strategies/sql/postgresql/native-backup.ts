import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rootCertificates } from 'node:tls';
import { sslModeOf } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { BackupError } from '../../../repository/errors.ts';
import type { NativeCopy, NativeCopyOptions } from '../../../repository/native-copy.ts';
import { openSqlDatabase } from '../open-sql-strategy.ts';
import { connectionSettings } from './connection-settings.ts';
import { majorOfPgDump, runPgDump } from './pg-dump.ts';

/**
 * Runs `pg_dump` in its custom format, which `pg_restore` reads: a consistent snapshot of the whole database.
 * @throws BackupError if pg_dump is missing, older than the server, or fails; ConfigurationError,
 *   StorageUnavailableError
 */
export async function dumpPostgresql(
  config: SqlStrategyConfig,
  { folder, progress, signal }: NativeCopyOptions,
): Promise<NativeCopy> {
  const [program, server] = [await majorOfPgDump(), await majorOfServer(config)];
  if (program < server) {
    throw new BackupError(
      `pg_dump on this machine is version ${program}, but the server is version ${server}: pg_dump must not be older. Install ` +
        `the client programs of PostgreSQL ${server}, or take a portable backup, without --native.`,
    );
  }
  const file = `${config.name.replace(/[^\w.-]+/g, '_')}.dump`;
  const scratch = await mkdtemp(join(tmpdir(), 'hfstorage-pg-dump-'));
  try {
    await runPgDump(join(folder, file), await environmentOf(config, scratch), signal);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
  progress?.('dump databases', 1, 1);
  return { files: [file], consistent: true };
}

async function majorOfServer(config: SqlStrategyConfig): Promise<number> {
  const database = await openSqlDatabase(config, { foreignKeys: false, migrate: false });
  try {
    const [[version] = []] = await database.reading.run('SHOW server_version_num');
    return Math.floor(Number(version) / 10_000);
  } finally {
    await database.close();
  }
}

/**
 * The connection parameters for libpq. All in the environment, since every user of the machine can read command lines.
 * https://www.postgresql.org/docs/current/libpq-envars.html
 * @param scratch folder for files that are removed afterwards
 */
async function environmentOf(config: SqlStrategyConfig, scratch: string): Promise<NodeJS.ProcessEnv> {
  // Variables set for other programs might point to another server; only the password file is kept.
  const inherited = Object.entries(process.env).filter(([name]) => !name.startsWith('PG') || name === 'PGPASSFILE');
  const { host, port, database, user, password } = (await connectionSettings(config)).client;
  const hasPassword = config.password !== undefined || config.iam_authentication;
  return {
    ...Object.fromEntries(inherited),
    PGHOST: host,
    PGPORT: String(port),
    PGDATABASE: database,
    PGUSER: user,
    ...(hasPassword && { PGPASSWORD: await password() }),
    ...(await encryptionOf(config, scratch)),
    PGCONNECT_TIMEOUT: String(Math.ceil(config.pool_timeout)),
    PGAPPNAME: 'hfstorage',
  };
}

/** The equivalent of `tlsOptions`: if no certificates are configured, those that Node trusts are used. */
async function encryptionOf(config: SqlStrategyConfig, scratch: string): Promise<NodeJS.ProcessEnv> {
  const mode = sslModeOf(config);
  const { sslrootcert } = config;
  if (sslrootcert !== undefined) return { PGSSLMODE: mode, PGSSLROOTCERT: sslrootcert };
  if (!mode.startsWith('verify')) return { PGSSLMODE: mode };
  const file = join(scratch, 'ca.pem');
  await writeFile(file, rootCertificates.join('\n'));
  return { PGSSLMODE: mode, PGSSLROOTCERT: file };
}
