/** Migration and backup against the stores' own bulk paths, and the memory of a migration. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { createBackup } from '../lib/backup/create-backup.ts';
import type { ConfigInput } from '../lib/config/configuration.ts';
import { openLocation } from '../lib/objects/open-location.ts';
import { openRepository } from '../lib/strategies/open-repository.ts';
import { startDynamodb } from '../test/backends/dynamodb.ts';
import { type OwnPostgresql, startOwnPostgresql } from '../test/backends/postgresql.ts';
import { bareBatchWrites, bareConditionalPuts, bareCopy, seconds, vacuumAndGzip } from './bulk-paths.ts';
import type { Result } from './measure.ts';
import { type CopyTimes, fill } from './migration-stores.ts';

const MANY = Number(process.env.HFSTORAGE_BENCH_MACHINES ?? 1_000_000);
const FEW = Math.ceil(MANY / 10);
/** Maximum memory of a migration, in megabytes. */
const MEMORY = 250;

const PROGRAM = join(import.meta.dirname, 'migration-process.ts');
const SECOND = 1_000_000;

const sqlite = (name: string): ConfigInput => ({ storage: { strategy: 'sql', sql_strategy: { name } } });

const postgresql = ({ host, port, user: username, password }: OwnPostgresql, name: string): ConfigInput => ({
  storage: { strategy: 'sql', sql_strategy: { type: 'postgresql', name, host, port, username, password } },
});

/** Migrates in a process of its own, as the command does. */
async function migrated(source: ConfigInput, target: ConfigInput): Promise<CopyTimes & { readonly megabytes: number }> {
  const stores = [source, target].map((config) => JSON.stringify(config));
  const { stdout } = await promisify(execFile)(process.execPath, [PROGRAM, ...stores]);
  return JSON.parse(stdout);
}

const inWords = (machines: number): string => machines.toLocaleString('en');

function say(what: string, machines: number, { copySeconds, wholeSeconds }: CopyTimes): void {
  const perSecond = inWords(Math.round(machines / copySeconds));
  console.log(
    `${what}, ${inWords(machines)} machines: ${perSecond} a second; ${copySeconds.toFixed(1)} s for the copy, ` +
      `${wholeSeconds.toFixed(1)} s with check and comparison`,
  );
}

async function intoPostgresql(few: string, many: string): Promise<Result[]> {
  // As in production: a commit waits for the disk.
  const server = await startOwnPostgresql({
    settings: { fsync: 'on', full_page_writes: 'on', shared_buffers: '512MB', max_wal_size: '4GB' },
  });
  const admin = new pg.Client({ connectionString: server.url });
  await admin.connect();
  try {
    for (const name of ['few', 'many', 'bare']) await admin.query(`CREATE DATABASE ${name}`);
    const small = await migrated(sqlite(few), postgresql(server, 'few'));
    // Only the parents that the foreign keys require.
    const bare = postgresql(server, 'bare');
    await fill(bare, 0, MANY);
    const address = new URL(server.url);
    address.pathname = '/bare';
    const copy = await bareCopy(many, address.href);
    const large = await migrated(sqlite(many), postgresql(server, 'many'));
    const what = 'sqlite to postgresql';
    say(what, FEW, small);
    say(what, MANY, large);
    const memory = { unit: 'MB' as const, target: 1 };
    return [
      {
        what: `${what}: ${inWords(MANY)} machines`,
        ours: large.copySeconds * SECOND,
        baselineName: 'bare COPY',
        baseline: copy * SECOND,
        target: 2,
      },
      {
        what: `${what}: memory, ${inWords(FEW)}`,
        ours: small.megabytes,
        baselineName: 'limit',
        baseline: MEMORY,
        ...memory,
      },
      {
        what: `${what}: memory, ${inWords(MANY)}`,
        ours: large.megabytes,
        baselineName: 'limit',
        baseline: MEMORY,
        ...memory,
      },
      {
        what: `${what}: memory, ${inWords(MANY)}`,
        ours: large.megabytes,
        baselineName: `of ${inWords(FEW)}`,
        baseline: small.megabytes,
        unit: 'MB',
        target: 1.2,
      },
    ];
  } finally {
    await admin.end();
    await server.remove();
  }
}

async function intoDynamodb(few: string): Promise<Result[]> {
  const service = await startDynamodb();
  try {
    // Any do.
    process.env.AWS_ACCESS_KEY_ID ??= 'bench';
    process.env.AWS_SECRET_ACCESS_KEY ??= 'bench';
    const { HFSTORAGE_TEST_DYNAMODB_ENDPOINT: endpoint, HFSTORAGE_TEST_DYNAMODB_PREFIX: prefix } = service.environment;
    const target = (name: string): ConfigInput => ({
      storage: {
        strategy: 'dynamodb',
        dynamodb_strategy: { endpoint, region: 'us-east-1', table_prefix: `${prefix}-${name}` },
      },
    });
    for (const name of ['puts', 'batches']) await (await openRepository(target(name))).close();
    const batches = await bareBatchWrites(target('batches'), FEW);
    const puts = await bareConditionalPuts(target('puts'), FEW);
    const ours = await migrated(sqlite(few), target('ours'));
    const what = 'sqlite to dynamodb-local';
    say(what, FEW, ours);
    const compared = { what: `${what}: ${inWords(FEW)} machines`, ours: ours.copySeconds * SECOND, target: 2 };
    return [
      { ...compared, baselineName: 'bare BatchWriteItem', baseline: batches * SECOND },
      { ...compared, baselineName: 'bare conditional PutItem', baseline: puts * SECOND },
      { what: `${what}: memory`, ours: ours.megabytes, baselineName: 'limit', baseline: MEMORY, unit: 'MB', target: 1 },
    ];
  } finally {
    await service.stop();
  }
}

async function backup(file: string, folder: string): Promise<Result> {
  const location = await openLocation(join(folder, 'backups'));
  const native = await vacuumAndGzip(file);
  await using repository = await openRepository(sqlite(file));
  const ours = await seconds(() => createBackup(repository.strategy, { location, place: file }));
  return {
    what: `backup of ${inWords(MANY)} machines from sqlite`,
    ours: ours * SECOND,
    baselineName: 'VACUUM INTO and gzip',
    baseline: native * SECOND,
    target: 2,
  };
}

export async function benchMigration(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-bench-'));
  try {
    const [few, many] = [join(folder, 'few.db'), join(folder, 'many.db')];
    await fill(sqlite(few), FEW);
    await fill(sqlite(many), MANY);
    return [await backup(many, folder), ...(await intoPostgresql(few, many)), ...(await intoDynamodb(few))];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
