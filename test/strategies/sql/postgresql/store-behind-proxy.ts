/** A store on PostgreSQL whose network a test can break. */
import { randomUUID } from 'node:crypto';
import pg from 'pg';
import type { ConfigInput } from '../../../../lib/config/configuration.ts';
import type { Repository } from '../../../../lib/repository/repository.ts';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import { openRepository } from '../../../../lib/strategies/open-repository.ts';
import { type CuttingProxy, startCuttingProxy } from '../../../backends/cutting-proxy.ts';
import { createDatabase, dropDatabase } from '../../../backends/test-database.ts';

export type SqlSettings = NonNullable<NonNullable<ConfigInput['storage']>['sql_strategy']>;

/** Opens a store on the database of an address. */
export function openStore(address: string, settings: SqlSettings = {}): Promise<StorageRepository> {
  const { hostname: host, port, username, password, pathname } = new URL(address);
  const sql_strategy: SqlSettings = {
    type: 'postgresql',
    host,
    port: Number(port),
    username,
    password: decodeURIComponent(password),
    name: decodeURIComponent(pathname.slice(1)),
    ...settings,
  };
  return openRepository({ storage: { strategy: 'sql', sql_strategy } });
}

/** Another program on the same database; disconnects at the end of its block, however that ends. */
export async function connectTo(connectionString: string): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client({ connectionString });
  // Who drops the database ends it, too: that must not hide why a test fails.
  client.on('error', () => {});
  await client.connect();
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() });
}

export interface StoreBehindProxy extends AsyncDisposable {
  /** The store through the proxy. */
  readonly store: StorageRepository;
  readonly proxy: CuttingProxy;
  /** The same data without the proxy: what is really stored. */
  readonly direct: Repository;
  /** The address of the database without the proxy. */
  readonly address: string;
}

/**
 * Opens a store on a new database of the shared server, through a proxy. By default it has one
 * connection, so that one that is not released is noticed at once.
 */
export async function openBehindProxy(settings: SqlSettings = {}): Promise<StoreBehindProxy> {
  const name = `hfstorage-faults-${randomUUID()}`;
  await using resources = new AsyncDisposableStack();
  const address = await createDatabase(name);
  resources.defer(() => dropDatabase(name));
  const direct = resources.use(await openStore(address, { pool_size: 1, max_overflow: 0 }));
  const proxy = await startCuttingProxy(Number(new URL(address).port));
  resources.defer(() => proxy.stop());
  const one = { pool_size: 1, max_overflow: 0, pool_timeout: 2 };
  const store = resources.use(await openStore(address, { ...one, port: proxy.port, ...settings }));
  const opened = resources.move();
  return { store, proxy, direct, address, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}
