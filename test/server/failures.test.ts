import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { logger } from '../../lib/lambda/api-log.ts';
import { StorageDamagedError, StorageUnavailableError } from '../../lib/repository/errors.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { startServer } from '../../lib/server/server.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { callServer, type Reply, type RunningApi, startApi } from './running-api.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
});
afterAll(() => api.close());
afterEach(() => {
  jest.restoreAllMocks();
});

const SECRET = '/srv/secret/database.json at 10.1.2.3';

/** Calls a server whose repository has some methods replaced. */
async function callWith(methods: Partial<Repository>, method: string, path: string, body?: unknown): Promise<Reply> {
  const repository: Repository = Object.assign(Object.create(api.repository), methods);
  const server = await startServer({ repository, host: '127.0.0.1', port: 0 });
  logger.setLogLevel('SILENT');
  const reply = await callServer(server.port, method, path, body === undefined ? {} : { body });
  await server.close();
  return reply;
}

const throwing = (error: Error) => async (): Promise<never> => {
  throw error;
};

describe('a failure of the service', () => {
  test('is a 500 that reveals no internals, and is in the log under the id of the call', async () => {
    const logged = jest.spyOn(logger, 'error').mockReturnValue(undefined);
    const cause = Object.assign(new Error('connection reset'), { parameters: [SECRET] });
    const error = new TypeError(SECRET, { cause });
    const reply = await callWith({ getEntity: throwing(error) }, 'GET', '/v1/templates/x');
    expect(reply).toMatchObject({ status: 500, body: { type: 'urn:hostfactory:problem:internal_error' } });
    expect(reply.text).not.toMatch(/secret|10\.1|TypeError|\.ts/);
    const id = reply.headers.get('x-request-id');
    expect(logged).toHaveBeenCalledWith('call failed', {
      operation: 'get-entity',
      request_id: id,
      status: 500,
      duration_ms: expect.any(Number),
      error: {
        name: 'TypeError',
        message: SECRET,
        stack: expect.stringContaining('failures.test.ts'),
        cause: { name: 'Error', message: 'connection reset', stack: expect.any(String) },
      },
    });
  });

  test('is a 500 even if the thrown value is not an error', async () => {
    const odd = (async () => {
      throw undefined;
    }) as never;
    expect((await callWith({ getEntity: odd }, 'GET', '/v1/templates/x')).status).toBe(500);
  });
});

describe('a store that is not available', () => {
  const error = new StorageUnavailableError(SECRET);

  test('is a 503 with Retry-After that reveals no internals', async () => {
    const reply = await callWith({ health: throwing(error) }, 'GET', '/v1/health');
    expect(reply).toMatchObject({ status: 503, body: { type: 'urn:hostfactory:problem:storage_unavailable' } });
    expect(reply.headers.get('retry-after')).toMatch(/^[1-9]\d*$/);
    expect(reply.text).not.toContain('secret');
  });

  test('is a 503 inside a transaction too', async () => {
    const transaction = (work: (tx: unknown) => Promise<unknown>) => work({ checkEntity: throwing(error) });
    const operations = [{ action: 'check', collection: 'templates', id: 'x' }];
    const reply = await callWith({ transaction } as never, 'POST', '/v1/transactions', { operations });
    expect(reply).toMatchObject({ status: 503, body: { operation_index: 0 } });
    expect(reply.headers.has('retry-after')).toBe(true);
  });

  test('is reported for the affected entities of a batch, and is in the log', async () => {
    const logged = jest.spyOn(logger, 'error').mockReturnValue(undefined);
    const saveEntities = async () => [{ status: 'failed', id: 'a', error }];
    const body = { collection: 'templates', entities: [{}] };
    const reply = await callWith({ saveEntities } as never, 'POST', '/v1/batch/save', body);
    expect(reply.body).toEqual({
      results: [{ id: 'a', status: 'failed', problem: expect.objectContaining({ status: 503 }) }],
    });
    expect(reply.text).not.toContain('secret');
    expect(logged).toHaveBeenCalledWith(
      'part of a call failed',
      expect.objectContaining({ error: expect.objectContaining({ message: SECRET }) }),
    );
  });
});

describe('a damaged store', () => {
  test('is a 503 that names the command to run, but no file', async () => {
    const reply = await callWith({ health: throwing(new StorageDamagedError(SECRET)) }, 'GET', '/v1/health');
    expect(reply).toMatchObject({
      status: 503,
      body: { type: 'urn:hostfactory:problem:storage_damaged', detail: expect.stringContaining('`hfstorage doctor`') },
    });
    expect(reply.text).not.toContain('secret');
  });

  test('with a really damaged file: every call reports it', async () => {
    const damaged = await startApi();
    await damaged.saveTemplate('t1');
    await damaged.repository.close();
    await writeFile(join(damaged.folder, 'request_database.json'), '{"templates": {"t1": ');
    const config = { storage: { strategy: 'json', json_strategy: { base_path: damaged.folder } } } as const;
    let reply: Reply;
    try {
      await using repository = await openRepository(config);
      reply = await callWith(bound(repository), 'GET', '/v1/templates/t1');
    } catch (error) {
      reply = await callWith({ getEntity: throwing(error as Error) }, 'GET', '/v1/templates/t1');
    }
    expect(reply).toMatchObject({ status: 503, body: { type: 'urn:hostfactory:problem:storage_damaged' } });
    expect(reply.text).not.toContain(damaged.folder);
    await damaged.close();
  });
});

const bound = (repository: Repository): Partial<Repository> => ({ getEntity: repository.getEntity.bind(repository) });
