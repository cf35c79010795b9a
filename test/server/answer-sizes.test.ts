import { type Body, type RunningApi, startApi, template } from './running-api.ts';
import { afterAll, beforeAll, describe, expect, test } from './suite.ts';

const LIMIT = 5_000_000;
/** 90 entities of 100 KB: some with text, some with quotes, which take twice the bytes in Lambda's answer. */
const COUNT = 90;
const id = (i: number) => `t${String(i).padStart(2, '0')}`;

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  const filler = (i: number) => (i % 2 === 0 ? 'x' : '"').repeat(i % 2 === 0 ? 100_000 : 50_000);
  const entities = Array.from({ length: COUNT }, (_, i) => template({ template_id: id(i), filler: filler(i) }));
  await api.repository.saveEntities('templates', entities as never);
});
afterAll(() => api.close());

const idsOf = (items: unknown) => (items as Body[]).map(({ template_id }) => template_id as string);
/** Bytes of an answer as a JSON string in Lambda's answer. */
const inLambda = (text: string) => Buffer.byteLength(JSON.stringify(text));
const all = Array.from({ length: COUNT }, (_, i) => id(i));

describe('every answer stays under 5 MB, even after another escaping', () => {
  test('a page ends early, and its cursor continues', async () => {
    const seen: string[] = [];
    let pages = 0;
    for (let cursor: unknown = ''; cursor !== undefined; pages++) {
      const query = `order_by=template_id&limit=1000${cursor === '' ? '' : `&cursor=${cursor}`}`;
      const { text, body } = await api.call('GET', `/v1/templates?${query}`);
      expect(inLambda(text)).toBeLessThan(LIMIT);
      seen.push(...idsOf(body.items));
      cursor = body.next_cursor;
    }
    expect(seen).toEqual(all);
    expect(pages).toBeGreaterThan(2);
  });

  test('a batch get lists the rest as unprocessed', async () => {
    const found: string[] = [];
    const missing: string[] = [];
    let ids: unknown = ['none', ...all, 'nothing'];
    let calls = 0;
    for (; ids !== undefined; calls++) {
      const { status, text, body } = await api.call('POST', '/v1/batch/get', {
        body: { collection: 'templates', ids },
      });
      expect(status).toBe(200);
      expect(inLambda(text)).toBeLessThan(LIMIT);
      found.push(...idsOf(body.items));
      missing.push(...(body.missing as string[]));
      ids = body.unprocessed;
    }
    expect(found).toEqual(all);
    expect(missing).toEqual(['none', 'nothing']);
    expect(calls).toBeGreaterThan(2);
  });

  test('a count by too many values is refused with advice', async () => {
    const groups = Object.fromEntries(Array.from({ length: 30_000 }, (_, i) => [`${i}${'x'.repeat(200)}`, 1]));
    const { countEntities } = await import('../../lib/service/operations/count-entities.ts');
    const repository = Object.assign(Object.create(api.repository), {
      countEntities: async () => ({ count: 30_000, groups }),
    });
    const request = {
      params: new Map([['collection', 'machines']]),
      query: new Map([['group_by', ['machine_id']]]),
      headers: new Map(),
      body: undefined,
    };
    await expect(countEntities(repository, request)).rejects.toMatchObject({
      code: 'answer_too_large',
      message: expect.stringContaining('Group by a field with fewer values'),
    });
  });
});

describe('a record of another program that no answer can hold', () => {
  const huge = { template_id: 'huge', version: 1, filler: 'x'.repeat(LIMIT) };
  const withHuge = () =>
    Object.assign(Object.create(api.repository), {
      getEntity: async () => huge,
      getEntities: async () => ({ items: [huge], missing: [] }),
      queryEntities: async () => ({ items: [huge], explanation: { index: 'scan', read: 1 } }),
    });
  const request = (body?: unknown) => ({
    params: new Map([
      ['collection', 'templates'],
      ['id', 'huge'],
    ]),
    query: new Map(),
    headers: new Map(),
    body,
  });

  test('is reported as too large, and never requested in a loop', async () => {
    const [{ batchGet }, { queryEntities }, { getEntity }, { answerText }] = await Promise.all([
      import('../../lib/service/operations/batch-get.ts'),
      import('../../lib/service/operations/query-entities.ts'),
      import('../../lib/service/operations/get-entity.ts'),
      import('../../lib/service/http/answer-size.ts'),
    ]);
    const tooLarge = { code: 'answer_too_large' };
    const ids = { collection: 'templates', ids: ['huge'] };
    await expect(batchGet(withHuge(), request(ids))).rejects.toMatchObject(tooLarge);
    await expect(queryEntities(withHuge(), request())).rejects.toMatchObject(tooLarge);
    const answer = await getEntity(withHuge(), request());
    expect(() => answerText(answer)).toThrow(expect.objectContaining(tooLarge) as unknown as Error);
  });
});
