import { expect, test } from '@jest/globals';
import type { EntityInput } from '../../lib/model/entities.ts';
import { ValidationError } from '../../lib/repository/errors.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { onEveryRepository } from './on-every-store.ts';
import { pagesOf, queryAll } from './paging.ts';
import { rejection } from './rejection.ts';
import { machine, request, saveAll, saveRequest, saveTemplate, template } from './samples.ts';

const idsInOrder = async (repository: Repository, orderBy?: string, limit = 1000): Promise<string> => {
  const found = await queryAll(repository, 'requests', { orderBy, limit });
  return found.map(({ request_id }) => request_id).join(' ');
};

async function saveRequests(repository: Repository, requests: readonly Partial<EntityInput<'requests'>>[]) {
  const { template_id } = await saveTemplate(repository);
  await saveAll(
    repository,
    'requests',
    requests.map((fields) => request(template_id, fields)),
  );
}

onEveryRepository((_, factory) => {
  test('without orderBy the oldest come first; the id breaks ties', async () => {
    await using open = await factory.open();
    await saveRequests(open.repository, [
      { request_id: 'c', created_at: '2026-01-01T00:00:00Z' },
      { request_id: 'a', created_at: '2026-01-02T00:00:00Z' },
      { request_id: 'd', created_at: '2026-01-01T01:00:00+02:00' },
      { request_id: 'b', created_at: '2026-01-01T00:00:00Z' },
    ]);
    expect(await idsInOrder(open.repository)).toBe('d b c a');
    expect(await idsInOrder(open.repository, 'created_at')).toBe('d b c a');
    expect(await idsInOrder(open.repository, '-created_at')).toBe('a c b d');
    for (const limit of [1, 2, 3]) expect(await idsInOrder(open.repository, '-created_at', limit)).toBe('a c b d');
  });

  test('numbers are ordered by value', async () => {
    await using open = await factory.open();
    await saveRequests(open.repository, [
      { request_id: 'a', machine_count: 10 },
      { request_id: 'b', machine_count: 9 },
      { request_id: 'c', machine_count: 100 },
      { request_id: 'd', machine_count: 0 },
    ]);
    expect(await idsInOrder(open.repository, 'machine_count')).toBe('d b a c');
    expect(await idsInOrder(open.repository, '-machine_count')).toBe('c a b d');
  });

  test('absent values come last in both directions; the id breaks ties in the direction of the order', async () => {
    await using open = await factory.open();
    await saveRequests(open.repository, [
      { request_id: 'a' },
      { request_id: 'b', completed_at: '2026-01-02T00:00:00Z' },
      { request_id: 'c', completed_at: '2026-01-01T00:00:00Z' },
      { request_id: 'd', completed_at: null },
      { request_id: 'e', completed_at: '2026-01-02T00:00:00Z' },
    ]);
    for (const limit of [1, 2, 3, 1000]) {
      expect(await idsInOrder(open.repository, 'completed_at', limit)).toBe('c b e a d');
      expect(await idsInOrder(open.repository, '-completed_at', limit)).toBe('e b c d a');
    }
  });

  test('texts are ordered by their UTF-8 bytes, ids too', async () => {
    await using open = await factory.open();
    // JavaScript's own order puts 😀 (a surrogate pair) before U+FF5E; most collations ignore case, accents or spaces.
    const inOrder = [
      ' b',
      '-',
      '0',
      '10',
      '9',
      'A',
      'B',
      'a',
      'a b',
      'ab',
      'b',
      'z',
      'é',
      '漢',
      '\ue000',
      '\uff5e',
      '😀',
    ];
    const shuffled = [...inOrder.slice(8).toReversed(), ...inOrder.slice(0, 8)];
    await saveAll(
      open.repository,
      'templates',
      shuffled.map((text) => template({ template_id: text, name: text, vm_type: 'same' })),
    );
    for (const limit of [4, 1000]) {
      for (const orderBy of ['template_id', 'name', 'vm_type']) {
        const up = await queryAll(open.repository, 'templates', { orderBy, limit });
        expect(up.map(({ name }) => name)).toEqual(inOrder);
        const down = await queryAll(open.repository, 'templates', { orderBy: `-${orderBy}`, limit });
        expect(down.map(({ name }) => name)).toEqual(inOrder.toReversed());
      }
    }
  });

  test('filters and order work together, page by page', async () => {
    await using open = await factory.open();
    const parent = await saveRequest(open.repository);
    const machines = Array.from({ length: 23 }, (_item, i) =>
      machine(parent, {
        machine_id: `m${String(i).padStart(2, '0')}`,
        status: i % 2 === 0 ? 'RUNNING' : 'STOPPED',
        created_at: `2026-01-01T00:00:${String(59 - Math.floor(i / 3)).padStart(2, '0')}Z`,
      }),
    );
    await saveAll(open.repository, 'machines', machines);
    const filters = { request_id: parent.request_id, status: 'RUNNING' };
    const pages = pagesOf(open.repository, 'machines', { filters, orderBy: '-created_at', limit: 5 });
    const ids: string[][] = [];
    for await (const page of pages) ids.push(page.map(({ machine_id }) => machine_id));
    expect(ids).toEqual([
      ['m02', 'm00', 'm04', 'm08', 'm06'],
      ['m10', 'm14', 'm12', 'm16', 'm20'],
      ['m18', 'm22'],
    ]);
  });

  test('a page holds 100 by default, at most 1,000, and indicates exactly whether more entities follow', async () => {
    await using open = await factory.open();
    const entities = Array.from({ length: 201 }, (_item, i) => template({ template_id: `t${1000 + i}` }));
    await saveAll(open.repository, 'templates', entities);
    const first = await open.repository.queryEntities('templates');
    expect(first.items).toHaveLength(100);
    const all = await open.repository.queryEntities('templates', { limit: 1000 });
    expect(all.items).toHaveLength(201);
    expect(all).not.toHaveProperty('nextCursor');
    expect(await open.repository.queryEntities('templates', { limit: 201 })).not.toHaveProperty('nextCursor');
    expect(await open.repository.queryEntities('templates', { limit: 200 })).toHaveProperty('nextCursor');
    for (const limit of [0, -1, 1001, 1.5, Number.NaN, '5']) {
      const error = await rejection(open.repository.queryEntities('templates', { limit: limit as number }));
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['limit']);
    }
  });

  test.each(['colour', '-colour', '', '-', 'tags', '--created_at', 'machine_id', 'constructor', 5, null])(
    '%p is not an order',
    async (orderBy) => {
      await using open = await factory.open();
      const error = await rejection(open.repository.queryEntities('requests', { orderBy: orderBy as string }));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['order_by']);
    },
  );
});
