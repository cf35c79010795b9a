/** The DynamoDB permissions of functions equal the calls that their operations make on the real store. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { needsOf } from '../../../lib/cdk/functions/store-permissions.ts';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { declarationOf } from '../../../lib/model/collections.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import type { Operation } from '../../../lib/service/http/routes.ts';
import { batchGet } from '../../../lib/service/operations/batch-get.ts';
import { batchSave } from '../../../lib/service/operations/batch-save.ts';
import { countEntities } from '../../../lib/service/operations/count-entities.ts';
import { createEntity } from '../../../lib/service/operations/create-entity.ts';
import { deleteEntity } from '../../../lib/service/operations/delete-entity.ts';
import { executeTransaction } from '../../../lib/service/operations/execute-transaction.ts';
import { getEntity } from '../../../lib/service/operations/get-entity.ts';
import { getHealth } from '../../../lib/service/operations/get-health.ts';
import { provisionRequest } from '../../../lib/service/operations/provision-request.ts';
import { queryEntities } from '../../../lib/service/operations/query-entities.ts';
import { saveEntity } from '../../../lib/service/operations/save-entity.ts';
import { updateEntity } from '../../../lib/service/operations/update-entity.ts';
import type { ServiceFunction, ServiceRequest } from '../../../lib/service/service.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { type RecordingProxy, startRecordingProxy } from '../recording-proxy.ts';

type Values = Readonly<Record<string, string>>;

const call = (
  params: Values,
  { query = {}, headers = {}, body }: { query?: Values; headers?: Values; body?: unknown } = {},
) => ({
  params: new Map(Object.entries(params)),
  query: new Map(Object.entries(query).map(([name, value]) => [name, [value]])),
  headers: new Map(
    Object.entries({ 'content-type': 'application/json', ...headers }).map(([name, value]) => [name, [value]]),
  ),
  body,
});

const template = { template_id: 't', name: 'n', provider_api: 'p', vm_type: 'v', max_number: -1 };
const request = { request_id: 'r', template_id: 't', machine_count: 1, status: 'PENDING' };
const machine = { machine_id: 'm', request_id: 'r', status: 'PENDING' };
const inPath = (collection: string, id: string) => ({ collection, id });
const each = (collections: Values, more: (id: string) => object = () => ({})): ServiceRequest[] =>
  Object.entries(collections).map(([collection, id]) => call(inPath(collection, id), more(id)));
const everything = { templates: 't', requests: 'r', machines: 'm' };
const entities: Readonly<Record<string, object>> = { t: template, r: request, m: machine };
const indexQueries = Object.entries({
  requests: ['template_id', 'status'],
  machines: ['request_id', 'status', 'template_id'],
}).flatMap(([collection, fields]) => fields.map((field) => call({ collection }, { query: { [field]: 'x' } })));
const scans = Object.keys(everything).map((collection) => call({ collection }));
const manyMachines = (count: number) => ({ template_id: 't', machine_count: count, request_id: `p${count}` });

/** Calls that together cover everything an operation can do. They start with a template, a request and a machine. */
const cases: Readonly<Partial<Record<Operation, { serve: ServiceFunction; calls: readonly ServiceRequest[] }>>> = {
  'get-entity': { serve: getEntity, calls: each(everything) },
  'get-health': { serve: getHealth, calls: [call({})] },
  'query-entities': { serve: queryEntities, calls: [...scans, ...indexQueries] },
  'count-entities': { serve: countEntities, calls: [...scans, ...indexQueries] },
  'batch-get': {
    serve: batchGet,
    calls: Object.keys(everything).flatMap((collection) => [
      call({}, { body: { collection, ids: ['t'] } }),
      call({}, { body: { collection, ids: ['t', 'u'] } }),
    ]),
  },
  'create-entity': {
    serve: createEntity,
    calls: [
      call({ collection: 'templates' }, { body: { ...template, template_id: 't2' } }),
      call({ collection: 'requests' }, { body: { ...request, request_id: 'r2' } }),
      call({ collection: 'machines' }, { body: { ...machine, machine_id: 'm2' } }),
    ],
  },
  'save-entity': {
    serve: saveEntity,
    calls: [
      ...each(everything, (id) => ({ body: entities[id] })),
      ...each({ templates: 't3', requests: 'r3', machines: 'm3' }, (id) => ({
        body: {
          ...entities[id[0] as string],
          template_id: 't',
          ...(id[0] === 't' && { template_id: id }),
          ...(id[0] === 'r' && { request_id: id }),
          ...(id[0] === 'm' && { machine_id: id }),
        },
        headers: { 'if-none-match': '*' },
      })),
    ],
  },
  'update-entity': {
    serve: updateEntity,
    calls: [
      ...each(everything, () => ({ body: { status: 'RUNNING', name: 'n' } })),
      call(inPath('requests', 'r'), { body: { template_id: 't' } }),
      call(inPath('machines', 'm'), { body: { request_id: 'r' } }),
      // Larger than what an update of a part may leave behind.
      ...each(everything, () => ({ body: { large: 'x'.repeat(120_000) } })),
      ...each(everything, () => ({ body: { large: 'y'.repeat(120_000) } })),
    ],
  },
  'delete-entity': { serve: deleteEntity, calls: each({ machines: 'md', requests: 'rd', templates: 'td' }) },
  'batch-save': {
    serve: batchSave,
    calls: Object.entries({ templates: template, requests: request, machines: machine }).flatMap(
      ([collection, entity]) => {
        const idField = `${collection.slice(0, -1)}_id`;
        const copies = ['b1', 'b2'].map((id) => ({ ...entity, [idField]: id }));
        const ofTwoRequests = copies.map((copy, i) => ({ ...copy, request_id: ['r', 'rd'][i] }));
        return [
          call({}, { body: { collection, entities: copies.slice(0, 1) } }),
          call({}, { body: { collection, entities: copies } }),
          call({}, { body: { collection, entities: copies } }),
          ...(collection === 'machines' ? [call({}, { body: { collection, entities: ofTwoRequests } })] : []),
        ];
      },
    ),
  },
  'execute-transaction': {
    serve: executeTransaction,
    calls: [
      call(
        {},
        {
          body: {
            operations: [
              {
                action: 'save',
                collection: 'templates',
                id: 't4',
                entity: { ...template, template_id: 't4' },
              },
              { action: 'save', collection: 'requests', id: 'r4', entity: { ...request, request_id: 'r4' } },
              { action: 'save', collection: 'machines', id: 'm4', entity: { ...machine, machine_id: 'm4' } },
              { action: 'check', collection: 'machines', id: 'm' },
              { action: 'check', collection: 'requests', id: 'r' },
              { action: 'check', collection: 'templates', id: 't' },
            ],
          },
        },
      ),
      call(
        {},
        {
          body: {
            operations: ['machines', 'requests', 'templates'].map((collection) => ({
              action: 'delete',
              collection,
              id: `${collection[0]}4`,
            })),
          },
        },
      ),
    ],
  },
  'provision-request': {
    serve: provisionRequest,
    calls: [manyMachines(3), manyMachines(3), manyMachines(120)].map((body) => call({}, { body })),
  },
};

/** Permissions that are used only after a failure, with the reason. */
const UNSEEN: Readonly<Partial<Record<Operation, Readonly<Record<string, string>>>>> = {
  'batch-save': { 'PutItem requests': 'replaces a request that was unveiled a moment ago' },
  'provision-request': {
    'DeleteItem requests': 'takes back a request that met one of another body',
    'DeleteItem machines': 'takes back machines of such a request',
    'UpdateItem machines': 'marks machines of an attempt that was interrupted',
  },
};

const withoutPrefix = (call: string, prefix: string): string => call.replace(`${prefix}_`, '');

function granted(operation: Operation, enforced: boolean): string[] {
  const { storage } = parseConfig({ storage: { strategy: 'dynamodb', enforce_references: enforced } });
  const needs = needsOf(operation, storage)?.dynamodb ?? [];
  const all = needs.flatMap(({ actions, collections, indexesOn }) =>
    collections.flatMap((collection) =>
      actions.flatMap((action) =>
        indexesOn === undefined
          ? [`${action} ${collection}`]
          : declarationOf(collection)
              .indexes.filter(({ partitionKey }) => indexesOn.includes(partitionKey))
              .map(({ name }) => `${action} ${collection}/index/${name}`),
      ),
    ),
  );
  return [...new Set(all)].sort();
}

describe.each([true, false])('with enforce_references %s', (enforced) => {
  const tables = newTestTables();
  let proxy: RecordingProxy;
  let repository: Repository;

  beforeAll(async () => {
    proxy = await startRecordingProxy(tables.endpoint);
    const direct = { ...tables };
    await (await open(direct, enforced, true)).close();
    repository = await open({ ...direct, endpoint: proxy.endpoint }, enforced, false);
    expect(proxy.take()).toEqual([]);
  });
  beforeEach(async () => {
    await repository.saveEntity('templates', template);
    await repository.saveEntity('requests', request);
    await repository.saveEntity('machines', machine);
    await repository.saveEntity('templates', { ...template, template_id: 'td' });
    await repository.saveEntity('requests', { ...request, request_id: 'rd', template_id: 'td' });
    await repository.saveEntity('machines', { ...machine, machine_id: 'md', request_id: 'rd' });
    proxy.take();
  });
  afterAll(async () => {
    await repository.close();
    await proxy[Symbol.asyncDispose]();
  });

  test.each(Object.keys(cases) as Operation[])('%s makes exactly the calls it may make', async (operation) => {
    const { serve, calls } = cases[operation] as NonNullable<(typeof cases)[Operation]>;
    for (const one of calls) {
      const { status, body } = await serve(repository, one);
      expect([one.body, status < 300 ? 'done' : body]).toEqual([one.body, 'done']);
    }
    const used = proxy.take().map((one) => withoutPrefix(one, tables.table_prefix));
    const allowed = granted(operation, enforced);
    expect(used.filter((one) => !allowed.includes(one))).toEqual([]);
    const unused = allowed.filter((one) => !used.includes(one) && UNSEEN[operation]?.[one] === undefined);
    expect(unused).toEqual([]);
  });
});

const open = (dynamodb_strategy: object, enforce_references: boolean, create_tables: boolean) =>
  openRepository({
    storage: { strategy: 'dynamodb', enforce_references, dynamodb_strategy: { ...dynamodb_strategy, create_tables } },
  });
