/** Databases of the shared PostgreSQL server, so that every test store has its own. */
import pg from 'pg';
import { needBackend } from './backend.ts';

await needBackend('postgresql');

async function onServer(statement: (identifier: (name: string) => string) => string): Promise<void> {
  const client = new pg.Client({ connectionString: serverUrl() });
  await client.connect();
  try {
    await client.query(statement(pg.escapeIdentifier));
  } finally {
    await client.end();
  }
}

const serverUrl = (): string => process.env.HFSTORAGE_TEST_POSTGRES_URL as string;

/**
 * Creates an empty database.
 * @returns its address
 */
export async function createDatabase(name: string): Promise<string> {
  await onServer((identifier) => `CREATE DATABASE ${identifier(name)}`);
  const url = new URL(serverUrl());
  url.pathname = `/${encodeURIComponent(name)}`;
  return url.href;
}

/** Drops a database if it exists, ending the sessions that still use it. */
export async function dropDatabase(name: string): Promise<void> {
  await onServer((identifier) => `DROP DATABASE IF EXISTS ${identifier(name)} WITH (FORCE)`);
}
