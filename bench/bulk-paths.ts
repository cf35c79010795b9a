/** The stores' own bulk paths for the same machines: the baselines of the migration benchmark. */
import { createReadStream, createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { BatchWriteCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import pg from 'pg';
import { from as copyFrom } from 'pg-copy-streams';
import type { ConfigInput } from '../lib/config/configuration.ts';
import { dynamodbStrategy } from '../lib/config/dynamodb-strategy.ts';
import { itemOf } from '../lib/strategies/dynamodb/items/item-codec.ts';
import { documentClient, openClient } from '../lib/strategies/dynamodb/open-dynamodb-strategy.ts';
import { tableName } from '../lib/strategies/dynamodb/tables/table-definitions.ts';
import { loadItem } from '../lib/strategies/dynamodb/writes/write-commands.ts';
import { quoted, tableFor } from '../lib/strategies/sql/schema.ts';
import { machineOf } from './migration-stores.ts';

export const seconds = async (work: () => Promise<unknown>): Promise<number> => {
  const start = performance.now();
  await work();
  return (performance.now() - start) / 1000;
};

const { columns } = tableFor('machines');
const names = columns.map(({ name }) => quoted(name)).join(', ');

/** A value in COPY's text format. */
const copyText = (value: unknown): string =>
  value === null ? '\\N' : String(value).replace(/[\\\t\n\r]/g, (character) => `\\${character}`);

function* copyLines(database: DatabaseSync): Generator<string> {
  const statement = database.prepare(`SELECT ${names} FROM machines ORDER BY machine_id`);
  statement.setReturnArrays(true);
  let lines = '';
  for (const row of statement.iterate() as unknown as Iterable<unknown[]>) {
    for (let i = 0; i < row.length; i++) lines += (i === 0 ? '' : '\t') + copyText(row[i]);
    lines += '\n';
    if (lines.length < 65_536) continue;
    yield lines;
    lines = '';
  }
  yield lines;
}

/** Copies the machines of a SQLite file into PostgreSQL's table of the same columns, indexes and foreign keys by one COPY. */
export async function bareCopy(file: string, connectionString: string): Promise<number> {
  const database = new DatabaseSync(file, { readOnly: true });
  const client = new pg.Client({ connectionString });
  await client.connect();
  try {
    return await seconds(() =>
      pipeline(Readable.from(copyLines(database)), client.query(copyFrom(`COPY machines (${names}) FROM STDIN`))),
    );
  } finally {
    await client.end();
    database.close();
  }
}

/** Concurrent requests of our copy: `parallel_workers` times those of one load. */
const IN_FLIGHT = 4 * 32;
/** DynamoDB: 25 items in one BatchWriteItem. */
const BATCH = 25;

async function inFlight(calls: number, call: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < calls; i = next++) await call(i);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
}

/** Puts machines into a table of DynamoDB, each only over an older version, as a repeatable copy must. */
export const bareConditionalPuts = ({ storage }: ConfigInput, machines: number): Promise<number> =>
  onDynamodb(storage, (client, table) =>
    inFlight(machines, (i) => client.send(new PutCommand(loadItem(table, 'machines', machineOf(i), 'bench', 'older')))),
  );

/** Puts machines into a table of DynamoDB over any existing item, 25 per call. */
export const bareBatchWrites = ({ storage }: ConfigInput, machines: number): Promise<number> =>
  onDynamodb(storage, (client, table) =>
    inFlight(Math.ceil(machines / BATCH), async (call) => {
      const length = Math.min(BATCH, machines - call * BATCH);
      const puts = Array.from({ length }, (_, i) => ({
        PutRequest: { Item: itemOf('machines', machineOf(call * BATCH + i), 'bench') },
      }));
      const { UnprocessedItems = {} } = await client.send(new BatchWriteCommand({ RequestItems: { [table]: puts } }));
      if (Object.keys(UnprocessedItems).length > 0) throw new Error('DynamoDB has left items unprocessed.');
    }),
  );

async function onDynamodb(
  storage: ConfigInput['storage'],
  work: (client: ReturnType<typeof documentClient>, table: string) => Promise<unknown>,
): Promise<number> {
  const config = dynamodbStrategy.parse(storage.dynamodb_strategy);
  const client = openClient(config);
  try {
    return await seconds(() => work(documentClient(client), tableName(config.table_prefix, 'machines')));
  } finally {
    client.destroy();
  }
}

/** SQLite's own backup, compressed. */
export async function vacuumAndGzip(file: string): Promise<number> {
  const copy = `${file}.vacuumed`;
  const taken = await seconds(async () => {
    const database = new DatabaseSync(file);
    try {
      database.exec(`VACUUM INTO '${copy}'`);
    } finally {
      database.close();
    }
    await pipeline(createReadStream(copy), createGzip({ level: 6 }), createWriteStream(`${copy}.gz`));
  });
  await rm(copy);
  await rm(`${copy}.gz`);
  return taken;
}
