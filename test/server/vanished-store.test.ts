/** The store's files vanish. Regression: a save over HTTP was acknowledged, and lost with a restart. */
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import { logger } from '../../lib/lambda/api-log.ts';
import { startServer } from '../../lib/server/server.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';

let folder: string;
beforeAll(async () => {
  logger.setLogLevel('SILENT');
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-vanished-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const storages: readonly [string, (data: string) => ConfigInput['storage']][] = [
  ['sqlite', (data) => ({ strategy: 'sql', sql_strategy: { name: join(data, 'store.db') } })],
  ['json', (data) => ({ strategy: 'json', json_strategy: { base_path: data } })],
];

const template = JSON.stringify({ name: 't', provider_api: 'RunInstances', vm_type: 't3.medium', max_number: 1 });

test.each(storages)('%s: 503 for every call until the files are back', async (name, storageIn) => {
  const data = join(folder, name);
  const repository = await openRepository({ storage: storageIn(data) });
  const server = await startServer({ repository, host: '127.0.0.1', port: 0 });
  const call = async (method: string, path: string): Promise<[number, string]> => {
    const body = method === 'PUT' ? { body: template, headers: { 'Content-Type': 'application/json' } } : {};
    const answer = await fetch(`${server.url}/v1/${path}`, { method, ...body });
    return [answer.status, await answer.text()];
  };
  try {
    expect((await call('PUT', 'templates/kept'))[0]).toBe(201);
    await rename(data, `${data}-aside`);
    await sleep(5);
    for (const [method, path] of [
      ['PUT', 'templates/new'],
      ['GET', 'templates/kept'],
      ['GET', 'templates'],
      ['GET', 'health'],
    ] as const) {
      const [status, text] = await call(method, path);
      expect([path, status]).toEqual([path, 503]);
      expect(JSON.parse(text)).toMatchObject({ type: 'urn:hostfactory:problem:storage_unavailable' });
      expect(text).not.toContain(folder);
    }
    await rename(`${data}-aside`, data);
    await sleep(5);
    expect((await call('GET', 'health'))[0]).toBe(200);
    expect((await call('GET', 'templates/kept'))[0]).toBe(200);
    expect((await call('GET', 'templates/new'))[0]).toBe(404);
  } finally {
    await server.close();
    await repository.close();
  }
});
