/** Every store and variant that the contract suite runs on. */
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import type { Capabilities, StorageStrategy } from '../../lib/repository/storage-strategy.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { type BackendName, needBackend } from '../backends/backend.ts';

/** A repository of one test, on data that no other test can see. */
export interface OpenRepository extends AsyncDisposable {
  readonly repository: Repository;
  /** The underlying store; absent if the repository reaches it over a network. */
  readonly strategy?: StorageStrategy | undefined;
  /** Closes the repository and opens another on the same data. */
  reopen(): Promise<void>;
  /** Abandons the repository like a killed process, without closing it, and opens another on the same data. */
  crash(): Promise<void>;
  /** Another repository on the same data, as another process would open it; closed with the store. */
  second(): Promise<Repository>;
  /** Closes every repository and removes the data. */
  close(): Promise<void>;
}

/** A store of one test, holding nothing that another test can see. */
export interface OpenStore extends OpenRepository {
  readonly strategy: StorageStrategy;
  /** The configuration that opens the same data, also in another process. */
  readonly config: ConfigInput;
}

export interface StoreOptions {
  readonly enforceReferences?: boolean;
}

/** The features of its store that a repository exposes. Every store itself has all of them. */
export interface Reach {
  /** Whether queries can report how they were answered. */
  readonly explains: boolean;
  /** Whether what a write in a transaction returns has the very `updated_at` that is stored. */
  readonly knowsTimeOfCommit: boolean;
  /** Whether more than 100 entities can be created together, and 100 entities of a transaction be written more often. */
  readonly manyWrites: boolean;
  /** Whether a transaction detects that an entity it read was deleted and created again, at the same version. */
  readonly noticesRecreation: boolean;
}

const fullReach: Reach = { explains: true, knowsTimeOfCommit: true, manyWrites: true, noticesRecreation: true };

export interface RepositoryFactory {
  readonly name: string;
  /** What the repository declares; with `reach` the only reason for which a test may be skipped. */
  readonly capabilities: Capabilities;
  readonly reach: Reach;
  /** Whether every write goes over a network: randomised tests then run fewer rounds. */
  readonly remote: boolean;
  /** Whether it differs from another of the list in settings only: randomised tests then run fewer rounds, too. */
  readonly variant?: boolean;
  /** The server that it needs, if any. */
  readonly backend?: BackendName;
  open(options?: StoreOptions): Promise<OpenRepository>;
}

export interface StoreFactory extends RepositoryFactory {
  open(options?: StoreOptions): Promise<OpenStore>;
}

/** Where a store keeps its data, and how to remove it. */
interface Location {
  readonly storage: ConfigInput['storage'];
  remove(): Promise<void>;
}

async function openStore(location: Location, { enforceReferences = true }: StoreOptions): Promise<OpenStore> {
  const config = { storage: { ...location.storage, enforce_references: enforceReferences } };
  const others: Repository[] = [];
  let repository = await openRepository(config);
  const store: OpenStore = {
    config,
    get repository() {
      return repository;
    },
    get strategy() {
      return repository.strategy;
    },
    async reopen() {
      await repository.close();
      repository = await openRepository(config);
    },
    async crash() {
      // Kept only to be released at the end: the operating system would do that for a killed process.
      others.push(repository);
      repository = await openRepository(config);
    },
    async second() {
      const another = await openRepository(config);
      others.push(another);
      return another;
    },
    async close() {
      for (const other of others.splice(0)) await other.close();
      await repository.close();
      await location.remove();
    },
    [Symbol.asyncDispose]: () => store.close(),
  };
  return store;
}

const jsonCapabilities: Capabilities = {
  queriesInTransactions: true,
  maxAtomicWrites: Number.POSITIVE_INFINITY,
  loadsInvalidRecords: true,
  snapshotReads: true,
  parallelScans: false,
  protectsParents: true,
  queryStaleness: 0,
};
const sqlCapabilities: Capabilities = { ...jsonCapabilities, loadsInvalidRecords: false };

type JsonSettings = NonNullable<NonNullable<ConfigInput['storage']>['json_strategy']>;

const jsonStore = (name: string, settings: JsonSettings, variant = true): StoreFactory => ({
  name: `json ${name}`,
  capabilities: jsonCapabilities,
  reach: fullReach,
  remote: false,
  variant,
  open: async (options = {}) => {
    const folder = await mkdtemp(join(tmpdir(), 'hfstorage-test-store-'));
    const storage = { strategy: 'json' as const, json_strategy: { base_path: folder, ...settings } };
    return openStore({ storage, remove: () => rm(folder, { recursive: true, force: true }) }, options);
  },
});

const jsonStoreOnS3 = (name: string, settings: JsonSettings): StoreFactory => ({
  name: `json on S3 ${name}`,
  backend: 's3',
  capabilities: jsonCapabilities,
  reach: fullReach,
  remote: true,
  variant: true,
  open: async (options = {}) => {
    await needBackend('s3');
    const { HFSTORAGE_TEST_S3_ENDPOINT: endpoint, HFSTORAGE_TEST_S3_BUCKET: bucket } = process.env;
    const base_path = `s3://${bucket}/${randomUUID()}`;
    const storage = {
      strategy: 'json' as const,
      json_strategy: { base_path, endpoint, region: 'us-east-1', ...settings },
    };
    // The bucket goes with the test run.
    return openStore({ storage, remove: async () => {} }, options);
  },
});

type SqlSettings = NonNullable<NonNullable<ConfigInput['storage']>['sql_strategy']>;

const sqliteStore = (name: string, settings: SqlSettings = {}): StoreFactory => ({
  name: `sqlite${name}`,
  capabilities: { ...sqlCapabilities, queryStaleness: settings.enable_query_cache ? 1000 : 0 },
  reach: fullReach,
  remote: false,
  variant: settings.enable_query_cache === true,
  open: async (options = {}) => {
    const folder = await mkdtemp(join(tmpdir(), 'hfstorage-test-store-'));
    const storage = { strategy: 'sql' as const, sql_strategy: { name: join(folder, 'store.db'), ...settings } };
    return openStore({ storage, remove: () => rm(folder, { recursive: true, force: true }) }, options);
  },
});

const postgresqlStore: StoreFactory = {
  name: 'postgresql',
  backend: 'postgresql',
  capabilities: sqlCapabilities,
  reach: fullReach,
  remote: true,
  open: async (options = {}) => {
    // Imported late, since the import waits for the server, which the other stores do not need.
    const { createDatabase, dropDatabase } = await import('../backends/test-database.ts');
    const name = `hfstorage-${randomUUID()}`;
    const { hostname, port, username, password } = new URL(await createDatabase(name));
    const sql_strategy = {
      type: 'postgresql' as const,
      name,
      host: hostname,
      port: Number(port),
      username,
      password: decodeURIComponent(password),
    };
    const storage = { strategy: 'sql' as const, sql_strategy };
    return openStore({ storage, remove: () => dropDatabase(name) }, options);
  },
};

const dynamodbStore: StoreFactory = {
  name: 'dynamodb',
  backend: 'dynamodb',
  capabilities: {
    queriesInTransactions: false,
    maxAtomicWrites: 100,
    loadsInvalidRecords: true,
    snapshotReads: false,
    parallelScans: true,
    protectsParents: false,
    queryStaleness: Number.POSITIVE_INFINITY,
  },
  reach: fullReach,
  remote: true,
  open: async (options = {}) => {
    const dynamodb_strategy = (await import('../backends/test-tables.ts')).newTestTables();
    const storage = { strategy: 'dynamodb' as const, dynamodb_strategy };
    // The tables go with the server, which holds them in memory.
    return openStore({ storage, remove: async () => {} }, options);
  },
};

export const stores: readonly StoreFactory[] = [
  jsonStore('single file', { storage_type: 'single_file' }, false),
  jsonStore('split files', { storage_type: 'split_files' }),
  // A cache and a buffer so small that reads leave the cache and the journal is compacted in nearly every test.
  jsonStore('gzip', { storage_type: 'single_file', enable_compression: true, cache_size: 5, write_buffer_size: 4096 }),
  sqliteStore(''),
  // A cache so small that results are evicted in nearly every test.
  sqliteStore(' with query cache', { enable_query_cache: true, query_cache_size: 3 }),
  postgresqlStore,
  dynamodbStore,
  jsonStoreOnS3('single file', { storage_type: 'single_file' }),
  jsonStoreOnS3('split files', { storage_type: 'split_files' }),
];
