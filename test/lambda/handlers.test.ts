import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { handler as batchSave } from '../../lambdas/api/batch-save.ts';
import { handler as createEntity } from '../../lambdas/api/create-entity.ts';
import { handler as getEntity } from '../../lambdas/api/get-entity.ts';
import { handler as getHealth } from '../../lambdas/api/get-health.ts';
import { handler as getOpenapi } from '../../lambdas/api/get-openapi.ts';
import { handler as queryEntities } from '../../lambdas/api/query-entities.ts';
import type { ApiEvent } from '../../lib/lambda/api-event.ts';
import { logger } from '../../lib/lambda/api-log.ts';
import { processRepository } from '../../lib/lambda/repository-provider.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { openRepository } from '../../lib/strategies/open-repository.ts';

let folder: string;
let repository: Repository;
beforeAll(async () => {
  logger.setLogLevel('SILENT');
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-lambdas-'));
  repository = await openRepository({
    storage: { strategy: 'json', json_strategy: { base_path: join(folder, 'own') } },
  });
});
afterEach(() => {
  jest.restoreAllMocks();
});
afterAll(async () => {
  await repository.close();
  await rm(folder, { recursive: true, force: true });
});

const event = (fields: Partial<ApiEvent>): ApiEvent => ({
  httpMethod: 'GET',
  pathParameters: null,
  queryStringParameters: null,
  multiValueQueryStringParameters: null,
  headers: {},
  multiValueHeaders: {},
  body: null,
  isBase64Encoded: false,
  requestContext: { requestId: 'request-1' },
  ...fields,
});

const template = { template_id: 'ü', name: 'n', provider_api: 'p', vm_type: 'v', max_number: 1 };
const creation = (fields: Partial<ApiEvent> = {}): ApiEvent =>
  event({
    httpMethod: 'POST',
    pathParameters: { collection: 'templates' },
    multiValueHeaders: { 'cOnTeNt-TyPe': ['application/json'] },
    body: JSON.stringify(template),
    ...fields,
  });

describe('a proxy event of API Gateway', () => {
  test('is answered with a proxy result', async () => {
    const result = await createEntity(creation(), { repository });
    expect(result).toEqual({
      statusCode: 201,
      headers: {
        'Cache-Control': 'no-store',
        'Content-Type': 'application/json',
        ETag: '"1"',
        Location: '/v1/templates/%C3%BC',
        'X-Content-Type-Options': 'nosniff',
        'X-Request-Id': 'request-1',
      },
      body: expect.stringContaining('"template_id":"ü"'),
    });
  });

  test('may have its body in Base64', async () => {
    const body = Buffer.from(JSON.stringify({ ...template, template_id: 'base64' })).toString('base64');
    expect(await createEntity(creation({ body, isBase64Encoded: true }), { repository })).toMatchObject({
      statusCode: 201,
    });
    const noUtf8 = Buffer.from([0x22, 0xff, 0x22]).toString('base64');
    expect(await createEntity(creation({ body: noUtf8, isBase64Encoded: true }), { repository })).toMatchObject({
      statusCode: 400,
      headers: { 'Content-Type': 'application/problem+json' },
    });
  });

  test('may have single values only, as test invocations do', async () => {
    const result = await queryEntities(
      event({
        pathParameters: { collection: 'templates' },
        queryStringParameters: { template_id: 'ü' },
        multiValueQueryStringParameters: null as never,
      }),
      { repository },
    );
    expect(JSON.parse(result.body)).toMatchObject({ items: [{ template_id: 'ü' }] });
    const missing = { multiValueHeaders: null as never, headers: { 'Content-Type': 'text/plain' } };
    expect((await createEntity(creation(missing), { repository })).statusCode).toBe(415);
  });

  test('of an unknown collection is answered with 404', async () => {
    const nothing = { pathParameters: { collection: '__proto__', id: 'x' } };
    expect((await getEntity(event(nothing), { repository })).statusCode).toBe(404);
    expect((await getEntity(event({}), { repository })).statusCode).toBe(404);
  });

  test('with a body over 6 MB is answered with 413', async () => {
    const body = JSON.stringify({ ...template, text: 'x'.repeat(6 * 1024 * 1024) });
    expect((await createEntity(creation({ body }), { repository })).statusCode).toBe(413);
  });
});

describe('the deadline', () => {
  const never = (): Promise<never> => new Promise(() => {});
  const stuck = () => Object.assign(Object.create(repository), { health: never }) as Repository;

  test('ends a call with 503 and Retry-After', async () => {
    const result = await getHealth(event({}), { repository: stuck(), deadlineMs: 20 });
    expect(result).toMatchObject({ statusCode: 503, headers: { 'Retry-After': expect.any(String) } });
    expect(JSON.parse(result.body)).toMatchObject({ type: 'urn:hostfactory:problem:deadline_exceeded' });
  });

  test("is never after Lambda's own", async () => {
    const started = performance.now();
    const result = await getHealth(event({}), { repository: stuck(), getRemainingTimeInMillis: () => 550 });
    expect(result.statusCode).toBe(503);
    expect(performance.now() - started).toBeLessThan(20_000);
  });
});

describe('the log', () => {
  test('has a line for each call, without its body', async () => {
    const info = jest.spyOn(logger, 'info').mockReturnValue(undefined);
    const error = jest.spyOn(logger, 'error').mockReturnValue(undefined);
    await batchSave(creation({ body: '{"collection":"secret"}' }), { repository });
    const line = { operation: 'batch-save', request_id: 'request-1', status: 400, duration_ms: expect.any(Number) };
    expect(info.mock.calls).toEqual([['call', line]]);
    expect(error).not.toHaveBeenCalled();
  });
});

describe("the process's own repository", () => {
  test('is opened from HFSTORAGE_CONFIG at the first call, once; a failure to open is not kept', async () => {
    process.env.HFSTORAGE_CONFIG = join(folder, 'config.json');
    try {
      expect((await getHealth(event({}), {})).statusCode).toBe(500);
      // Needs no store, and so answers all the same.
      expect((await getOpenapi(event({}), {})).statusCode).toBe(200);
      const config = { storage: { strategy: 'json', json_strategy: { base_path: join(folder, 'store') } } };
      await writeFile(process.env.HFSTORAGE_CONFIG, JSON.stringify(config));
      const results = await Promise.all([getHealth(event({}), {}), getHealth(event({}), {})]);
      expect(results.map(({ statusCode }) => statusCode)).toEqual([200, 200]);
      const opened = await processRepository();
      expect(await processRepository()).toBe(opened);
      await opened.close();
    } finally {
      delete process.env.HFSTORAGE_CONFIG;
    }
  });
});
