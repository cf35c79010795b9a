import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ValidationError } from '../../lib/repository/errors.ts';
import type { Filters } from '../../lib/repository/query.ts';
import { onEveryRepository, testIfCapable } from './on-every-store.ts';
import { queryAll } from './paging.ts';
import { rejection } from './rejection.ts';
import { request, saveAll, saveMachine, saveTemplate } from './samples.ts';

const requests = [
  { request_id: 'a', status: 'PENDING', machine_count: 1, created_at: '2026-01-01T00:00:00Z' },
  { request_id: 'b', status: 'PENDING', machine_count: 2, created_at: '2026-01-02T00:00:00Z' },
  { request_id: 'c', status: 'RUNNING', machine_count: 10, created_at: '2026-01-03T00:00:00Z' },
  { request_id: 'd', status: 'pending', machine_count: 0, completed_at: '2026-02-01T00:00:00Z' },
  { request_id: 'e', status: 'DONE_50%', machine_count: 3, completed_at: '2026-02-02T00:00:00+02:00' },
  { request_id: 'f', status: 'DONEX50Y', machine_count: 4 },
  { request_id: 'g', status: '__proto__', machine_count: 5 },
  { request_id: 'h', status: '\uff5e', machine_count: 6 },
  { request_id: 'i', status: '😀', machine_count: 7, request_type: "return's" },
];

/** Filters, and the ids of the requests above that match. */
const cases: readonly [Filters, string][] = [
  [{}, 'abcdefghi'],
  [{ status: 'PENDING' }, 'ab'],
  [{ status: { eq: 'PENDING' } }, 'ab'],
  [{ status: 'P' }, ''],
  [{ status: '' }, ''],
  [{ status: '__proto__' }, 'g'],
  [{ request_type: "return's" }, 'i'],
  [{ status: ['PENDING', 'RUNNING', 'NONE'] }, 'abc'],
  [{ status: { in: ['PENDING'] } }, 'ab'],
  [{ status: [] }, ''],
  [{ machine_count: [1, 10, 1] }, 'ac'],
  [{ status: { ne: 'PENDING' } }, 'cdefghi'],
  [{ machine_count: 0 }, 'd'],
  [{ machine_count: { gt: 4 } }, 'cghi'],
  [{ machine_count: { gte: 4 } }, 'cfghi'],
  [{ machine_count: { lt: 2 } }, 'ad'],
  [{ machine_count: { lte: 2 } }, 'abd'],
  [{ machine_count: { gt: 1, lte: 3 } }, 'be'],
  [{ machine_count: { gt: 3, lt: 3 } }, ''],
  [{ machine_count: { ne: 0, lte: 2 } }, 'ab'],
  [{ created_at: { gte: '2026-01-02T00:00:00Z', lt: '2026-01-03T00:00:00.001Z' } }, 'bc'],
  [{ created_at: '2026-01-02T01:00:00+01:00' }, 'b'],
  [{ created_at: { begins_with: '2026-01-0' } }, 'abc'],
  // Absent values match only `ne`.
  [{ completed_at: { ne: '2026-02-01T00:00:00Z' } }, 'abcefghi'],
  [{ completed_at: { lt: '2999-01-01T00:00:00Z' } }, 'de'],
  [{ completed_at: { gt: '2026-02-01T00:00:00Z' } }, 'e'],
  [{ completed_at: ['2026-02-01T22:00:00Z'] }, 'e'],
  // SQL's wildcards are ordinary characters.
  [{ status: { begins_with: 'DONE_' } }, 'e'],
  [{ status: { begins_with: 'DONE_50%' } }, 'e'],
  [{ status: { begins_with: '%' } }, ''],
  [{ status: { begins_with: 'DONE' } }, 'ef'],
  [{ status: { begins_with: 'pend' } }, 'd'],
  [{ status: { begins_with: '' } }, 'abcdefghi'],
  // By UTF-8 bytes U+FF5E comes before U+1F600; by UTF-16 units, JavaScript's order, after it.
  [{ status: { gt: '\uff5e' } }, 'i'],
  [{ status: { gte: 'p' } }, 'dhi'],
  [{ status: { lt: '😀', gt: 'q' } }, 'h'],
  [{ status: { lte: 'RUNNING' } }, 'abcef'],
  [{ request_id: { in: ['a', 'z'] } }, 'a'],
  [{ template_id: 'T', status: 'PENDING', machine_count: { gt: 1 } }, 'b'],
  [{ template_id: 'other' }, ''],
  [{ version: 1 }, 'abcdefghi'],
  [{ version: { gt: 1 } }, ''],
  [{ updated_at: { gt: '2026-01-01T00:00:00Z' } }, 'abcdefghi'],
];

const refused: readonly [string, Filters, string][] = [
  ['an unknown field', { colour: 'red' }, 'colour'],
  ['a field of another collection', { machine_id: 'm' }, 'machine_id'],
  ['an object', { tags: 'x' }, 'tags'],
  ['an inherited name', { constructor: 'x' } as never, 'constructor'],
  ['an unknown operator', { status: { like: 'P' } } as never, 'status'],
  ['a number for a text', { status: 5 }, 'status'],
  ['a fraction for an integer', { machine_count: { lt: 2.5 } }, 'machine_count'],
  ['a text for a number', { machine_count: '5' }, 'machine_count'],
  ['null', { status: null } as never, 'status'],
  ['true', { status: true } as never, 'status'],
  ['the beginning of a number', { machine_count: { begins_with: '1' } }, 'machine_count'],
  ['a date that is none', { created_at: { gt: 'yesterday' } }, 'created_at'],
  ['a list of mixed types', { status: ['a', 1] }, 'status'],
  ['no list for in', { status: { in: 'a' } }, 'status'],
  ['more than 100 values', { status: Array.from({ length: 101 }, (_, i) => `${i}`) }, 'status'],
  ['U+0000', { status: '\u0000' }, 'status'],
  ['half a surrogate pair', { status: '\ud800' }, 'status'],
  ['NaN', { machine_count: { gt: Number.NaN } }, 'machine_count'],
  ['infinity', { machine_count: { lt: Number.POSITIVE_INFINITY } }, 'machine_count'],
  ['a list of filters', [] as never, 'filters'],
];

onEveryRepository((_, factory) => {
  describe('filters', () => {
    let open: Awaited<ReturnType<typeof factory.open>>;
    beforeAll(async () => {
      open = await factory.open();
      await saveTemplate(open.repository, { template_id: 'T' });
      await saveAll(
        open.repository,
        'requests',
        requests.map((fields) => request('T', fields)),
      );
    });
    afterAll(() => open.close());

    test.each(cases)('%j', async (filters, ids) => {
      const found = await queryAll(open.repository, 'requests', { filters, orderBy: 'request_id' });
      expect(found.map(({ request_id }) => request_id).join('')).toBe(ids);
      const paged = await queryAll(open.repository, 'requests', { filters, orderBy: '-request_id', limit: 2 });
      expect(paged.toReversed()).toEqual(found);
      expect(await open.repository.countEntities('requests', { filters })).toEqual({ count: ids.length });
    });

    test.each(refused)('%s is refused', async (_name, filters, path) => {
      for (const call of [
        open.repository.queryEntities('requests', { filters }),
        open.repository.countEntities('requests', { filters }),
      ]) {
        const error = await rejection(call);
        expect(error).toBeInstanceOf(ValidationError);
        expect((error as ValidationError).problems.map((problem) => problem.path)).toEqual([path]);
      }
    });

    test('machines are found by request, by template and by status', async () => {
      const saved = await saveMachine(open.repository, { status: 'STOPPING' });
      await saveMachine(open.repository);
      const { request_id, template_id, status } = saved;
      for (const filters of [{ request_id }, { template_id }, { status }, { request_id, status }]) {
        expect((await open.repository.queryEntities('machines', { filters })).items).toEqual([saved]);
      }
    });

    const testExplain = testIfCapable(factory.reach.explains, 'it does not hand on how a query was answered');
    testExplain('a query says how it was answered where it is asked to', async () => {
      const { request_id, template_id, status } = await saveMachine(open.repository, { status: 'STOPPED' });
      for (const filters of [{ request_id }, { template_id }, { status }, { request_id, status }]) {
        const { items, explanation } = await open.repository.queryEntities('machines', { filters, explain: true });
        expect(items).toHaveLength(1);
        expect(explanation?.index).toEqual(expect.any(String));
        expect(explanation?.read).toBeGreaterThanOrEqual(1);
      }
    });

    test('an entity that changes leaves the results it no longer belongs to', async () => {
      const { machine_id } = await saveMachine(open.repository, { status: 'BOOTING' });
      const updated = await open.repository.updateEntity('machines', machine_id, { status: 'BOOTED' });
      const { items } = await open.repository.queryEntities('machines', { filters: { status: 'BOOTING' } });
      expect(items).toEqual([]);
      const after = await open.repository.queryEntities('machines', { filters: { status: 'BOOTED' } });
      expect(after.items).toEqual([updated]);
    });
  });
});
