/** API Gateway's own functions: access, answers without a function, and differences from the local server. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ApiClient } from '../../../lib/remote/api-client.ts';
import { signing } from '../../../lib/remote/authorization.ts';
import { HttpRepository } from '../../../lib/remote/http-repository.ts';
import { parseRemote } from '../../../lib/remote/remote-target.ts';
import { routes } from '../../../lib/service/http/routes.ts';
import { callServer, template } from '../../server/running-api.ts';
import { callSigned, type DeployedApi, startDeployedApi } from './deployed-api.ts';
import { CALLER, STRANGER } from './deployed-app.ts';
import { REGION } from './physical-ids.ts';

let api: DeployedApi;
beforeAll(async () => {
  api = await startDeployedApi('dev');
});
afterAll(() => api.close());

const problem = (status: number, code: string) => ({
  status,
  body: { type: `urn:hostfactory:problem:${code}`, status },
});

describe('access', () => {
  test('a call without a signature is answered with 401, whatever the method', async () => {
    for (const [method, path] of [
      ['GET', '/v1/health'],
      ['POST', '/v1/templates'],
      ['OPTIONS', '/v1/templates'],
      ['GET', '/v1/no/such/path'],
    ] as const) {
      const reply = await callServer(api.port, method, path);
      expect([path, reply]).toMatchObject([path, problem(401, 'unauthorized')]);
      expect(reply.headers.get('content-type')).toBe('application/problem+json');
    }
  });

  test('a wrong signature is answered with 401', async () => {
    const wrong = { ...CALLER, secretAccessKey: 'another' };
    expect(await callSigned(api.port, 'GET', '/v1/health', {}, wrong)).toMatchObject(problem(401, 'unauthorized'));
    const nobody = { ...CALLER, accessKeyId: 'AKIANOBODY' };
    expect(await callSigned(api.port, 'GET', '/v1/health', {}, nobody)).toMatchObject(problem(401, 'unauthorized'));
  });

  test('a caller without the policy for callers is answered with 403', async () => {
    expect(await callSigned(api.port, 'GET', '/v1/health', {}, STRANGER)).toMatchObject(problem(403, 'forbidden'));
  });

  test('HttpRepository signs calls, which are accepted', async () => {
    const { accessKeyId, secretAccessKey } = CALLER;
    const authorize = signing({ accessKeyId, secretAccessKey }, REGION);
    const client = new ApiClient(parseRemote(api.url), authorize, { hasToken: false });
    await using repository = new HttpRepository(client, { enforceReferences: true });
    const saved = await repository.saveEntity('templates', { ...template(), template_id: 'a/b ü' } as never);
    expect(await repository.getEntity('templates', 'a/b ü')).toEqual(saved);
    expect(await repository.countEntities('templates', { filters: { name: 'Standard' } })).toMatchObject({ count: 1 });
    expect(await repository.deleteEntity('templates', 'a/b ü')).toBeUndefined();
  });
});

describe('answers without a function', () => {
  test.each(['/v1/no/such/path', '/v1/batch/nothing/here', '/v1/'])('%s is 404', async (path) => {
    expect(await api.call('GET', path)).toMatchObject(problem(404, 'unknown_path'));
  });

  test.each([
    ['DELETE', '/v1/templates', 'GET, HEAD, POST'],
    ['POST', '/v1/templates/t', 'DELETE, GET, HEAD, PATCH, PUT'],
    ['GET', '/v1/batch/get', 'POST'],
    ['OPTIONS', '/v1/openapi.json', 'GET, HEAD'],
  ])('%s %s is 405, and lists the allowed methods', async (method, path, allowed) => {
    const reply = await api.call(method, path);
    expect(reply).toMatchObject(problem(405, 'method_not_allowed'));
    expect(reply.headers.get('allow')?.split(', ').sort().join(', ')).toBe(allowed);
  });

  test('a body that is too large for it or Lambda is 413', async () => {
    for (const size of [6.5, 11]) {
      const body = `"${'x'.repeat(size * 1024 * 1024)}"`;
      expect(await api.call('POST', '/v1/templates', { body })).toMatchObject(problem(413, 'body_too_large'));
    }
  });
});

/** Differences of a deployed API from the local server, each with the reason. */
describe('differences from the local server', () => {
  test('a trailing slash is ignored: API Gateway routes without it (locally 404)', async () => {
    expect((await api.call('GET', '/v1/templates/')).status).toBe(200);
  });

  test('a path of another stage is answered only by API Gateway, in its own form (locally a problem with 404)', async () => {
    expect(await api.call('GET', '/v2/templates')).toMatchObject({ status: 403, body: { message: 'Forbidden' } });
  });

  test('a body of another media type on a path without a function is 415, not 405', async () => {
    const options = { body: 'a=1', headers: { 'Content-Type': 'application/x-www-form-urlencoded' } };
    expect(await api.call('PUT', '/v1/templates', options)).toMatchObject(problem(415, 'unsupported_media_type'));
  });

  test('bytes that are not UTF-8 arrive as replacement characters: a REST API treats bodies as text (locally 400)', async () => {
    const json = Buffer.from(JSON.stringify(template({ template_id: 'bytes', note: '?' })));
    json[json.lastIndexOf('?')] = 0xff;
    const reply = await api.call('POST', '/v1/templates', { body: new Uint8Array(json) });
    expect(reply).toMatchObject({ status: 201, body: { note: '\ufffd' } });
  });
});

test('there is one function per operation, and its methods reach it', () => {
  for (const { method, path, operation } of routes) {
    for (const verb of method === 'GET' ? ['GET', 'HEAD'] : [method]) {
      const match = api.app.api.match(verb, path.replace('/v1', '').replaceAll(/[{}]/g, ''));
      const arn = api.app.functionNamed(`Functions${operation.replaceAll('-', '')}Function`).arn;
      expect([verb, path, match?.method.Integration.Uri]).toEqual([verb, path, expect.stringContaining(`/${arn}/`)]);
      expect(api.app.api.mayInvoke(arn, verb, match?.resourcePath as string)).toBe(true);
    }
  }
});

test('the log has one line per call and its metrics, but no bodies', async () => {
  await api.call('PUT', '/v1/templates/logged', { body: template({ note: 'a secret of the body' }) });
  await api.call('PUT', '/v1/templates/logged', {
    body: template({ note: 'a secret of the body' }),
    headers: { 'If-Match': '"9"' },
  });
  const { log, variables } = api.app.functionNamed('saveentity');
  const lines = log
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(lines).toContainEqual(expect.objectContaining({ operation: 'save-entity', status: 201 }));
  expect(lines).toContainEqual(
    expect.objectContaining({ Calls: 1, operation: 'save-entity', service: variables.POWERTOOLS_SERVICE_NAME }),
  );
  expect(lines).toContainEqual(expect.objectContaining({ Problems: 1, code: 'precondition_failed' }));
  expect(log).not.toContain('a secret of the body');
});
