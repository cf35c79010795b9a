/** The SQL store compared with its bare drivers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Pool } from 'pg';
import type { ConfigInput } from '../lib/config/configuration.ts';
import type { Entity } from '../lib/model/entities.ts';
import type { StorageRepository } from '../lib/repository/storage-repository.ts';
import { provision } from '../lib/service/operations/provision.ts';
import { openRepository } from '../lib/strategies/open-repository.ts';
import { startOwnPostgresql } from '../test/backends/postgresql.ts';
import { type BareDriver, barePostgresql, bareSqlite, NEWEST, requestOf, STATUSES } from './bare-sql-drivers.ts';
import { type Alternative, compare, medianRuns, type Result } from './measure.ts';

/** Number of requests in the large store, and in the small one. */
const MANY = Number(process.env.HFSTORAGE_BENCH_REQUESTS ?? 1_000_000);
const FEW = 1_000;
/** Runs with new connections to PostgreSQL. */
const RUNS = 9;
const template = {
  template_id: 'template-1',
  name: 'Standard',
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: -1,
};

const stored = (i: number): Entity => {
  const time = new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString();
  return { ...requestOf(i), created_at: time, updated_at: time, version: 1 };
};

async function fill(repository: StorageRepository, requests: number): Promise<void> {
  await repository.saveEntity('templates', template);
  for (let start = 0; start < requests; start += 1000) {
    const length = Math.min(1000, requests - start);
    await repository.strategy.load(
      'requests',
      Array.from({ length }, (_, i) => stored(start + i)),
    );
  }
}

/** The four calls through the repository and by hand, on the same database. */
async function againstBareDriver(
  store: string,
  repository: StorageRepository,
  bare: BareDriver,
  limit: number,
  perTurn: Readonly<Record<keyof BareDriver, number>>,
  rounds: number,
): Promise<Result[]> {
  let i = 0;
  const next = (): number => {
    i = (i + 7) % FEW;
    return i;
  };
  const idOf = (): string => requestOf(next()).request_id;
  const pairs: readonly [keyof BareDriver, () => unknown, () => unknown][] = [
    ['get', () => repository.getEntity('requests', idOf()), () => bare.get(idOf())],
    ['save', () => repository.saveEntity('requests', requestOf(next())), () => bare.save(requestOf(next()))],
    [
      'update',
      () => repository.updateEntity('requests', idOf(), { status: STATUSES[i % 4] as string }),
      () => bare.update(idOf(), STATUSES[i % 4] as string),
    ],
    ['newest', () => repository.queryEntities('requests', NEWEST), () => bare.newest()],
  ];
  const results: Result[] = [];
  for (const [call, ours, theirs] of pairs) {
    const [a, b] = (await compare(
      [
        { name: '', run: ours },
        { name: '', run: theirs },
      ],
      rounds,
      perTurn[call],
    )) as [number, number];
    const what = call === 'newest' ? '50 newest by status' : call;
    results.push({ what: `${store}: ${what}`, ours: a, baselineName: 'bare driver', baseline: b, target: limit });
  }
  return results;
}

const newest = (repository: StorageRepository): Alternative => ({
  name: '',
  run: () => repository.queryEntities('requests', NEWEST),
});

async function largeAgainstSmall(store: string, large: StorageRepository, small: StorageRepository): Promise<Result> {
  const [ours, baseline] = (await compare([newest(large), newest(small)], 100, 5)) as [number, number];
  const what = `${store}: 50 newest by status of ${MANY.toLocaleString('en')}`;
  return { what, ours, baselineName: `of ${FEW.toLocaleString('en')}`, baseline, target: 1.3 };
}

async function batchAgainstSingles(repository: StorageRepository): Promise<Result> {
  const requests = Array.from({ length: 1000 }, (_, i) => requestOf(i));
  const [batch, singles] = (await compare(
    [
      { name: '', run: () => repository.saveEntities('requests', requests) },
      {
        name: '',
        run: async () => {
          for (const request of requests) await repository.saveEntity('requests', request);
        },
      },
    ],
    8,
    1,
  )) as [number, number];
  const what = 'postgresql: batch of 1,000';
  return { what, ours: batch, baselineName: '1,000 single saves', baseline: singles, target: 1 / 10 };
}

async function provisioning(repository: StorageRepository, pool: Pool): Promise<Result> {
  let n = 0;
  const text =
    'INSERT INTO machines (machine_id, request_id, template_id, status, created_at, updated_at) ' +
    "SELECT 'bare-' || $1::int || '-' || i, 'req-00000001', 'template-1', 'PENDING', now(), now() FROM generate_series(1, 1000) i";
  const [ours, baseline] = (await compare(
    [
      {
        name: '',
        run: () => provision(repository, { template_id: 'template-1', machine_count: 1000, request_id: `p-${n++}` }),
      },
      { name: '', run: () => pool.query(text, [n++]) },
    ],
    20,
    1,
  )) as [number, number];
  const what = 'postgresql: provision 1,000 machines';
  return { what, ours, baselineName: 'bare INSERT of 1,000 rows', baseline, target: 10 };
}

async function benchSqlite(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-bench-'));
  const open = (name: string) =>
    openRepository({ storage: { strategy: 'sql', sql_strategy: { name: join(folder, name) } } });
  try {
    await using large = await open('large.db');
    await using small = await open('small.db');
    await fill(large, MANY);
    await fill(small, FEW);
    const bare = bareSqlite(join(folder, 'small.db'));
    const perTurn = { get: 200, save: 10, update: 10, newest: 20 };
    const results = await againstBareDriver('sqlite', small, bare, 2, perTurn, 150);
    bare.close();
    return [...results, await largeAgainstSmall('sqlite', large, small)];
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function benchPostgresql(): Promise<Result[]> {
  // As in production: a commit waits for the disk.
  const server = await startOwnPostgresql({
    settings: { fsync: 'on', full_page_writes: 'on', shared_buffers: '512MB', max_wal_size: '4GB' },
  });
  const admin = new Pool({ connectionString: server.url, max: 1 });
  const pools: Pool[] = [admin];
  const open = async (name: string): Promise<[StorageRepository, Pool]> => {
    const { host, port, user: username, password } = server;
    const sql_strategy = { type: 'postgresql' as const, name, host, port, username, password };
    const pool = new Pool({ host, port, user: username, password, database: name, max: 5 });
    pools.push(pool);
    const config: ConfigInput = { storage: { strategy: 'sql', sql_strategy } };
    return [await openRepository(config), pool];
  };
  const repositories: StorageRepository[] = [];
  try {
    for (const name of ['large', 'small']) await admin.query(`CREATE DATABASE ${name}`);
    const [large, largePool] = await open('large');
    const [small, smallPool] = await open('small');
    repositories.push(large, small);
    await fill(large, MANY);
    await fill(small, FEW);
    // The server would do this itself in the background, sooner or later.
    await largePool.query('VACUUM ANALYZE');
    await smallPool.query('VACUUM ANALYZE');
    const perTurn = { get: 50, save: 15, update: 15, newest: 20 };
    const runs: Result[][] = [];
    for (let run = 0; run < RUNS; run++) {
      const [repository, pool] = await open('small');
      runs.push(await againstBareDriver('postgresql', repository, barePostgresql(pool), 1.15, perTurn, 30));
      await repository.close();
    }
    const results = medianRuns(runs);
    results.push(await largeAgainstSmall('postgresql', large, small));
    results.push(await batchAgainstSingles(small), await provisioning(small, smallPool));
    return results;
  } finally {
    for (const repository of repositories) await repository.close();
    for (const pool of pools) await pool.end();
    await server.remove();
  }
}

export const benchSqlStore = async (): Promise<Result[]> => [...(await benchSqlite()), ...(await benchPostgresql())];
