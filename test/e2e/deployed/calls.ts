/** Calls that together exercise everything each API operation does with a store, on entities created by `prepare`. */
import type { CallOptions, RunningApi } from '../../server/running-api.ts';

type Call = readonly [method: string, path: string, options?: CallOptions];

const template = { template_id: 't', name: 'n', provider_api: 'p', vm_type: 'v', max_number: -1 };
const request = { request_id: 'r', template_id: 't', machine_count: 1, status: 'PENDING' };
const machine = { machine_id: 'm', request_id: 'r', status: 'PENDING' };
const samples = { templates: template, requests: request, machines: machine } as const;
type Collection = keyof typeof samples;
const collections = Object.keys(samples) as Collection[];

/** A sample with another id. */
const sample = (collection: Collection, id: string, fields: object = {}) => ({
  ...samples[collection],
  [`${collection.slice(0, -1)}_id`]: id,
  ...fields,
});
const first = (collection: Collection): string => collection.charAt(0);
const post = (path: string, body: unknown): Call => ['POST', path, { body }];
const onEach = (
  method: string,
  id: (collection: Collection) => string,
  options: (collection: Collection) => CallOptions,
): Call[] => collections.map((collection) => [method, `/v1/${collection}/${id(collection)}`, options(collection)]);

const queries = [
  ...collections.map((collection) => `${collection}?limit=1`),
  ...['template_id', 'status'].map((field) => `requests?${field}=x`),
  ...['request_id', 'status', 'template_id'].map((field) => `machines?${field}=x`),
];
const large = (character: string) => () => ({ body: { large: character.repeat(120_000) } });
const operations = (...list: object[]): Call => post('/v1/transactions', { operations: list });
const provision = (count: number): Call =>
  post('/v1/provision-requests', { template_id: 't', machine_count: count, request_id: `p${count}` });

/** Every call succeeds, in this order. */
export const calls: readonly Call[] = [
  ['GET', '/v1/health'],
  ['GET', '/v1/openapi.json'],
  ...onEach('GET', first, () => ({})),
  ...onEach('HEAD', first, () => ({})),
  ...queries.map((query): Call => ['GET', `/v1/${query}`]),
  ...queries.map((query): Call => ['GET', `/v1/counts/${query.replace('?limit=1', '')}`]),
  ...collections.flatMap((collection) =>
    [['t'], ['t', 'u']].map((ids): Call => post('/v1/batch/get', { collection, ids })),
  ),
  ...collections.map((collection): Call => post(`/v1/${collection}`, sample(collection, 'new'))),
  ...onEach('PUT', first, (collection) => ({ body: samples[collection] })),
  ...onEach(
    'PUT',
    () => 'put',
    (collection) => ({ body: sample(collection, 'put'), headers: { 'If-None-Match': '*' } }),
  ),
  ...onEach('PATCH', first, () => ({ body: { status: 'RUNNING', name: 'n' } })),
  ['PATCH', '/v1/requests/r', { body: { template_id: 't' } }],
  ['PATCH', '/v1/machines/m', { body: { request_id: 'r' } }],
  // Larger than what an update of a part may leave behind.
  ...onEach('PATCH', first, large('x')),
  ...onEach('PATCH', first, large('y')),
  ...['machines', 'requests', 'templates'].map((collection): Call => ['DELETE', `/v1/${collection}/deleted`]),
  ...collections.flatMap((collection) => {
    const entities = ['b1', 'b2'].map((id) => sample(collection, id));
    return [entities.slice(0, 1), entities, entities].map((list) =>
      post('/v1/batch/save', { collection, entities: list }),
    );
  }),
  post('/v1/batch/save', {
    collection: 'machines',
    entities: [sample('machines', 'b1'), sample('machines', 'b2', { request_id: 'b1' })],
  }),
  operations(
    ...collections.map((collection) => ({ action: 'save', collection, id: 'tx', entity: sample(collection, 'tx') })),
    ...collections.map((collection) => ({ action: 'check', collection, id: first(collection) })),
  ),
  operations(...collections.toReversed().map((collection) => ({ action: 'delete', collection, id: 'tx' }))),
  // The same once more, and more than one transaction can hold.
  ...[3, 3, 120].map(provision),
];

/** Stores the initial entities of the calls. */
export async function prepare({ repository }: RunningApi): Promise<void> {
  await repository.saveEntity('templates', template);
  await repository.saveEntity('requests', request);
  await repository.saveEntity('machines', machine);
  await repository.saveEntity('templates', { ...template, template_id: 'deleted' });
  await repository.saveEntity('requests', { ...request, request_id: 'deleted', template_id: 'deleted' });
  await repository.saveEntity('machines', {
    ...machine,
    machine_id: 'deleted',
    request_id: 'deleted',
    template_id: 'deleted',
  });
}
