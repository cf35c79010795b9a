import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { logger } from '../../../lib/lambda/api-log.ts';
import { collectionNames } from '../../../lib/model/collections.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { type RunningServer, startServer } from '../../../lib/server/server.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { type CallOptions, callServer, template } from '../../server/running-api.ts';
import { schemaOf } from './catalog.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { hostileTexts, refusedTexts } from './hostile-texts.ts';

type Call = readonly [method: string, path: string, options?: CallOptions];

describe.each(databaseKinds)('the API on $name', ({ name, create }) => {
  let database: TestDatabase;
  let repository: StorageRepository;
  let server: RunningServer;
  beforeAll(async () => {
    database = await create();
    repository = await openRepository(database.storage());
    server = await startServer({ repository, host: '127.0.0.1', port: 0 });
    logger.setLogLevel('SILENT');
  });
  afterAll(async () => {
    await server.close();
    await repository.close();
    await database[Symbol.asyncDispose]();
  });
  const call = (...[method, path, options]: Call) => callServer(server.port, method, path, options);
  const everything = async () => {
    const found = [await schemaOf(name, database)];
    for (const table of collectionNames) found.push(await database.run(`SELECT * FROM ${table}`));
    return found;
  };

  test('stores hostile texts, finds them again and removes them', async () => {
    const before = await everything();
    for (const text of hostileTexts) {
      const path = `/v1/templates/${encodeURIComponent(text)}`;
      const value = encodeURIComponent(text);
      const body = { ...template({ name: text, tag: text }), template_id: text, attributes: { text } };
      const saved = await call('PUT', path, { body });
      expect({ text, status: saved.status, body: saved.body }).toMatchObject({ status: 201, body });
      expect(await call('GET', path)).toMatchObject({ status: 200, body: saved.body });
      for (const query of [`name=${value}`, `name[begins_with]=${value}`, `template_id=${value}&name[gte]=${value}`]) {
        expect(await call('GET', `/v1/templates?${query}`)).toMatchObject({
          status: 200,
          body: { items: [saved.body] },
        });
      }
      expect(await call('GET', `/v1/counts/templates?name=${value}&group_by=name`)).toMatchObject({
        status: 200,
        body: { count: 1 },
      });
      const found = await call('POST', '/v1/batch/get', {
        body: { collection: 'templates', ids: [text, 'none'] },
      });
      expect(found).toMatchObject({ status: 200, body: { items: [saved.body] } });
      const vm_type = [...text].slice(0, 20).join('');
      const changed = await call('PATCH', path, { body: { vm_type } });
      expect(changed).toMatchObject({ status: 200, body: { name: text, vm_type, version: 2 } });
      expect(await call('DELETE', path)).toMatchObject({ status: 204 });
    }
    expect(await everything()).toEqual(before);
  });

  test('refuses them where they are invalid, and never fails', async () => {
    const before = await everything();
    for (const text of [...hostileTexts, ...refusedTexts].filter((each) => each.isWellFormed() && each.length < 1000)) {
      const value = encodeURIComponent(text);
      const calls: Call[] = [
        ['GET', `/v1/${value}`],
        ['GET', `/v1/counts/${value}`],
        ['GET', `/v1/templates?order_by=${value}`],
        ['GET', `/v1/templates?order_by=-${value}`],
        ['GET', `/v1/templates?cursor=${value}`],
        ['GET', `/v1/templates?limit=x${value}`],
        ['GET', `/v1/templates?${value}=1`],
        ['GET', `/v1/templates?name[${value}]=1`],
        ['GET', `/v1/templates?max_number=x${value}`],
        ['GET', `/v1/requests?created_at[gt]=x${value}`],
        ['GET', `/v1/counts/templates?group_by=${value}`],
        ['POST', '/v1/batch/get', { body: { collection: text, ids: ['x'] } }],
        ['POST', '/v1/batch/save', { body: { collection: text, entities: [] } }],
        ['POST', '/v1/transactions', { body: { operations: [{ action: text, collection: 'templates', id: 'x' }] } }],
        [
          'POST',
          '/v1/transactions',
          { body: { operations: [{ action: 'delete', collection: 'templates', id: text }] } },
        ],
        ['POST', '/v1/provision-requests', { body: { template_id: text, machine_count: 1, request_id: text } }],
        ['PUT', `/v1/requests/x`, { body: { template_id: text, machine_count: 1, status: 'PENDING' } }],
        ['DELETE', `/v1/templates/x`, { headers: { 'If-Match': `"${encodeURI(text)}"` } }],
      ];
      for (const each of calls) {
        const { status, body } = await call(...each);
        expect({ each, refused: status >= 400 && status < 500, body }).toMatchObject({ refused: true });
        expect(JSON.stringify(body)).not.toMatch(/syntax error|unrecognized token|no such (column|table)|ERR_SQLITE/);
      }
    }
    expect(await everything()).toEqual(before);
  });
});
