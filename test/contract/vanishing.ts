/** Ways in which a store can vanish or be replaced while a service has it open, and how to undo each. */
import { cp, mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  BatchWriteItemCommand,
  CreateTableCommand,
  DeleteTableCommand,
  DynamoDBClient,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { CopyObjectCommand, DeleteObjectsCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import pg from 'pg';
import { dynamodbStrategy } from '../../lib/config/dynamodb-strategy.ts';
import { jsonStrategy } from '../../lib/config/json-strategy.ts';
import { type CollectionName, collectionNames } from '../../lib/model/collections.ts';
import { createTableInput, tableDefinitions } from '../../lib/strategies/dynamodb/tables/table-definitions.ts';
import { layoutOf } from '../../lib/strategies/json/layout.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { template } from './samples.ts';
import type { OpenStore } from './stores.ts';

/** Makes a store vanish, or replaces it. @returns a function that restores it */
type Vanish = (store: OpenStore) => Promise<() => Promise<void>>;

/** Moves everything out of a folder. @returns a function that clears the folder and moves everything back */
async function emptied(folder: string): Promise<() => Promise<void>> {
  const moved = `${folder}-aside`;
  await mkdir(moved);
  for (const name of await readdir(folder)) await rename(join(folder, name), join(moved, name));
  return async () => {
    await rm(folder, { recursive: true, force: true });
    await rename(moved, folder);
  };
}

const movedAway = async (path: string): Promise<() => Promise<void>> => {
  await rename(path, `${path}-aside`);
  return async () => {
    await rm(path, { recursive: true, force: true });
    await rename(`${path}-aside`, path);
  };
};

const inFolder = ({ config }: OpenStore): string =>
  config.storage?.json_strategy?.base_path ?? dirname(config.storage?.sql_strategy?.name as string);

/** Fills a folder with another store of the same kind. */
async function fillWithAnother({ config }: OpenStore, folder: string): Promise<void> {
  const storage = { ...config.storage };
  if (storage.json_strategy !== undefined) storage.json_strategy = { ...storage.json_strategy, base_path: folder };
  if (storage.sql_strategy !== undefined)
    storage.sql_strategy = { ...storage.sql_strategy, name: join(folder, 'store.db') };
  await using another = await openRepository({ storage });
  for (let i = 0; i < 30; i++) await another.saveEntity('templates', template());
}

const onFolders: Readonly<Record<string, Vanish>> = {
  'its folder is moved away': (store) => movedAway(inFolder(store)),
  'an empty folder takes the place of its own': async (store) => {
    const back = await movedAway(inFolder(store));
    await mkdir(inFolder(store));
    return back;
  },
  'its files are moved out of their folder': (store) => emptied(inFolder(store)),
  'another store takes its place': async (store) => {
    const folder = inFolder(store);
    const back = await emptied(folder);
    await fillWithAnother(store, folder);
    return back;
  },
};

const databaseOf = ({ config }: OpenStore): string => config.storage?.sql_strategy?.name as string;

const onSqlite: Readonly<Record<string, Vanish>> = {
  ...onFolders,
  'its database is renamed': (store) => movedAway(databaseOf(store)),
  'its log is renamed': (store) => movedAway(`${databaseOf(store)}-wal`),
  'an empty file takes its place': async (store) => {
    const back = await movedAway(databaseOf(store));
    await writeFile(databaseOf(store), '');
    return back;
  },
  'a table is dropped': (store) => withoutTable('templates', (text) => inSqlite(databaseOf(store), text)),
};

async function inSqlite(path: string, text: string): Promise<void> {
  const database = new DatabaseSync(path);
  database.exec(text);
  database.close();
}

/** Renamed, not dropped, so that it can be restored with its content. */
async function withoutTable(name: CollectionName, run: (text: string) => Promise<void>): Promise<() => Promise<void>> {
  await run(`ALTER TABLE ${name} RENAME TO ${name}_aside`);
  return () => run(`ALTER TABLE ${name}_aside RENAME TO ${name}`);
}

const settingsOf = ({ config }: OpenStore) => jsonStrategy.parse(config.storage?.json_strategy ?? {});

const onJson: Readonly<Record<string, Vanish>> = {
  ...onFolders,
  'its journal is renamed': (store) => movedAway(join(inFolder(store), layoutOf(settingsOf(store)).journal)),
  'an earlier copy of itself takes its place': async (store) => {
    const folder = inFolder(store);
    await cp(folder, `${folder}-earlier`, { recursive: true });
    for (let i = 0; i < 3; i++) await store.repository.saveEntity('templates', template({ template_id: `later-${i}` }));
    const back = await emptied(folder);
    await cp(`${folder}-earlier`, folder, { recursive: true });
    await rm(`${folder}-earlier`, { recursive: true });
    return back;
  },
  'its data files are renamed': async (store) => {
    const { files } = layoutOf(settingsOf(store));
    const backs = await Promise.all(files.map(({ name }) => movedAway(join(inFolder(store), name))));
    return async () => {
      for (const back of backs) await back();
    };
  },
};

const inPostgresql = async ({ config }: OpenStore, text: string): Promise<void> => {
  const { host, port, username: user, password, name: database } = config.storage?.sql_strategy ?? {};
  const client = new pg.Client({ host, port, user, password, database } as pg.ClientConfig);
  await client.connect();
  await client.query(text);
  await client.end();
};

const renameDatabase = async (from: string, to: string): Promise<void> => {
  const client = new pg.Client({ connectionString: process.env.HFSTORAGE_TEST_POSTGRES_URL });
  await client.connect();
  await client.query('SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1', [from]);
  await client.query(`ALTER DATABASE "${from}" RENAME TO "${to}"`);
  await client.end();
};

const databaseRenamed = async (store: OpenStore): Promise<() => Promise<void>> => {
  const name = databaseOf(store);
  await renameDatabase(name, `${name}-aside`);
  return async () => {
    const { dropDatabase } = await import('../backends/test-database.ts');
    await dropDatabase(name);
    await renameDatabase(`${name}-aside`, name);
  };
};

const onPostgresql: Readonly<Record<string, Vanish>> = {
  'a table is dropped': (store) => withoutTable('templates', (text) => inPostgresql(store, text)),
  'its schema is renamed': async (store) => {
    await inPostgresql(store, 'ALTER SCHEMA public RENAME TO aside');
    return () => inPostgresql(store, 'ALTER SCHEMA aside RENAME TO public');
  },
  'its database is renamed': databaseRenamed,
  'an empty database takes its place': async (store) => {
    const back = await databaseRenamed(store);
    const { createDatabase } = await import('../backends/test-database.ts');
    await createDatabase(databaseOf(store));
    return back;
  },
};

const deletedTables =
  (collections: readonly CollectionName[]): Vanish =>
  async ({ config }) => {
    const settings = dynamodbStrategy.parse(config.storage?.dynamodb_strategy ?? {});
    const client = new DynamoDBClient({ endpoint: settings.endpoint as string, region: settings.region as string });
    const kept = new Map<string, Awaited<ReturnType<typeof scanAll>>>();
    const scanAll = async (TableName: string) => (await client.send(new ScanCommand({ TableName }))).Items ?? [];
    const definitions = tableDefinitions(settings).filter(({ collection }) => collections.includes(collection));
    for (const { name } of definitions) {
      kept.set(name, await scanAll(name));
      await client.send(new DeleteTableCommand({ TableName: name }));
    }
    return async () => {
      for (const definition of definitions) {
        await client.send(new CreateTableCommand(createTableInput(definition)));
        const puts = (kept.get(definition.name) ?? []).map((Item) => ({ PutRequest: { Item } }));
        if (puts.length === 0) continue;
        await client.send(new BatchWriteItemCommand({ RequestItems: { [definition.name]: puts } }));
      }
      client.destroy();
    };
  };

const onDynamodb: Readonly<Record<string, Vanish>> = { 'its tables are deleted': deletedTables(collectionNames) };

/** Moves the objects of a store to another prefix. */
const moveObjects = async ({ config }: OpenStore, from: string, to: string): Promise<void> => {
  const { endpoint, region } = config.storage?.json_strategy ?? {};
  const client = new S3Client({ endpoint: endpoint as string, region: region as string, forcePathStyle: true });
  const [, Bucket = '', Prefix = ''] = /^s3:\/\/([^/]+)\/(.*)$/.exec(from) ?? [];
  const target = to.slice(`s3://${Bucket}/`.length);
  const { Contents = [] } = await client.send(new ListObjectsV2Command({ Bucket, Prefix: `${Prefix}/` }));
  for (const { Key = '' } of Contents) {
    const name = `${target}${Key.slice(Prefix.length)}`;
    await client.send(new CopyObjectCommand({ Bucket, Key: name, CopySource: `${Bucket}/${encodeURIComponent(Key)}` }));
  }
  const Objects = Contents.map(({ Key = '' }) => ({ Key }));
  await client.send(new DeleteObjectsCommand({ Bucket, Delete: { Objects } }));
  client.destroy();
};

const objectsMoved: Vanish = async (store) => {
  const base = store.config.storage?.json_strategy?.base_path as string;
  await moveObjects(store, base, `${base}-aside`);
  return () => moveObjects(store, `${base}-aside`, base);
};

const onS3: Readonly<Record<string, Vanish>> = { 'its objects are deleted': objectsMoved };

/** Removes a table that none of the calls of a test uses; undefined if a store has no tables. */
export function vanishingMachines(store: string): Vanish | undefined {
  if (store.startsWith('sqlite')) return (open) => withoutTable('machines', (text) => inSqlite(databaseOf(open), text));
  if (store === 'postgresql') return (open) => withoutTable('machines', (text) => inPostgresql(open, text));
  return store === 'dynamodb' ? deletedTables(['machines']) : undefined;
}

/** The ways in which a store of this name can vanish. */
export function vanishings(store: string): Readonly<Record<string, Vanish>> {
  if (store.startsWith('json on S3')) return onS3;
  if (store.startsWith('json')) return onJson;
  if (store.startsWith('sqlite')) return onSqlite;
  return store === 'postgresql' ? onPostgresql : onDynamodb;
}
