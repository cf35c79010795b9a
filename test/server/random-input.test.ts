import { afterAll, beforeAll, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { collectionNames, fieldsOf } from '../../lib/model/collections.ts';
import { filterOperators } from '../../lib/repository/query.ts';
import { routes } from '../../lib/service/http/routes.ts';
import { rounds, seed } from '../trials.ts';
import { type RunningApi, startApi } from './running-api.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  await api.saveTemplate('t1');
});
afterAll(() => api.close());

const names = [
  ...new Set(collectionNames.flatMap((name) => [...fieldsOf(name).keys()])),
  ...[
    'collection',
    'ids',
    'entities',
    'operations',
    'action',
    'id',
    'entity',
    'changes',
    'expected_version',
    '__proto__',
  ],
];
const words = [
  't1',
  'templates',
  'requests',
  'machines',
  'save',
  'update',
  'delete',
  'check',
  'PENDING',
  '',
  '\ud800',
  '\u0000',
];

/** JSON that resembles bodies of the API, so that it passes the first check. */
const { body } = fc.letrec<{ body: unknown }>((tie) => ({
  body: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    fc.constantFrom<unknown>(null, true, 0, 1, -1, 1.5, 1e300, ...words),
    fc.string(),
    fc.double(),
    fc.array(tie('body'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...names), tie('body'), { maxKeys: 6 }),
  ),
}));

const parameter = fc.oneof(
  fc.constantFrom('order_by', 'limit', 'cursor', 'group_by', ...names),
  fc
    .tuple(fc.constantFrom(...names), fc.constantFrom(...filterOperators))
    .map(([name, operator]) => `${name}[${operator}]`),
  fc.string(),
);
const value = fc.oneof(
  fc.constantFrom('t1', 'PENDING', '1', '-created_at', 'status', '2026-11-22T10:00:00Z'),
  fc.string(),
);
const query = fc.array(fc.tuple(parameter, value), { maxLength: 4 });

const segment = fc.oneof(fc.constantFrom('t1', '__proto__', '..'), fc.string({ minLength: 1 })).map(encodeURIComponent);

test('no input makes the service fail', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...routes),
      fc.constantFrom(...collectionNames),
      segment,
      query,
      fc.option(body, { nil: undefined }),
      async ({ method, path }, collection, id, parameters, sent) => {
        const target = path.replace('{collection}', collection).replace('{id}', id);
        const search = new URLSearchParams(parameters).toString();
        const options = ['GET', 'DELETE'].includes(method) || sent === undefined ? {} : { body: JSON.stringify(sent) };
        const reply = await api.call(method, search === '' ? target : `${target}?${search}`, options);
        expect([reply.status < 500, reply.text]).toEqual([true, expect.any(String)]);
      },
    ),
    { numRuns: rounds(6_000), seed },
  );
});
