/** Connections of functions to the database: they die unnoticed while the functions are frozen. */
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import pg from 'pg';
import { template } from '../../server/running-api.ts';
import { type DeployedApi, startDeployedApi } from './deployed-api.ts';

let api: DeployedApi;
beforeAll(async () => {
  api = await startDeployedApi('sql');
});
afterAll(() => api.close());

async function endSessions(): Promise<number> {
  const client = new pg.Client({ connectionString: api.app.stores.database as string });
  await client.connect();
  const ended = await client.query(
    'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
  );
  await client.end();
  return ended.rowCount ?? 0;
}

test('a function whose connection was ended while it was frozen opens another', async () => {
  const save = (id: string) => api.call('PUT', `/v1/templates/${id}`, { body: template() });
  expect((await save('before')).status).toBe(201);
  expect(await endSessions()).toBeGreaterThan(0);
  // Whether the end of the connection or the call is seen first is chance: a write that was sent over it may be lost, is then
  // answered with 503, and is sent again by its caller.
  const first = await save('after');
  const reply = first.status === 503 ? await save('after') : first;
  expect([200, 201]).toContain(reply.status);
  expect((await api.call('GET', '/v1/templates/after')).status).toBe(200);
});

test('every login was allowed by the policies', () => {
  const logins = api.app.aws.used.filter(({ action }) => action === 'rds-db:connect');
  expect(logins.length).toBeGreaterThan(1);
  for (const login of logins) expect(login.allowed).toBe(true);
  expect(api.app.aws.used).toHaveLength(logins.length);
});
