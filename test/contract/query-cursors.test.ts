import { describe, expect, test } from '@jest/globals';
import { ValidationError } from '../../lib/repository/errors.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { onEveryRepository } from './on-every-store.ts';
import { queryAll } from './paging.ts';
import { rejection } from './rejection.ts';
import { saveAll, template } from './samples.ts';

const IN_ORDER = ['b', 'd', 'f', 'h', 'j', 'l', 'n', 'p'];

/** Templates whose order by name is that of their ids. */
const saveNamed = (repository: Repository, names: readonly string[]) =>
  saveAll(
    repository,
    'templates',
    names.map((name) => template({ template_id: name, name })),
  );

const namesOf = (items: readonly { readonly name: string }[]): string => items.map(({ name }) => name).join('');

onEveryRepository((store, factory) => {
  test('a page continues after the last entity, regardless of writes in between', async () => {
    await using open = await factory.open();
    const { repository } = open;
    await saveNamed(repository, IN_ORDER);
    const first = await repository.queryEntities('templates', { orderBy: 'name', limit: 3 });
    expect(namesOf(first.items)).toBe('bdf');
    // Before the cursor, right after it, later, the entity at the cursor, and one that moves from after it to before it.
    await saveNamed(repository, ['a', 'c', 'g', 'm', 'z']);
    await repository.deleteEntity('templates', 'f');
    await repository.deleteEntity('templates', 'j');
    await repository.updateEntity('templates', 'l', { name: 'aa' });
    const second = await repository.queryEntities('templates', { orderBy: 'name', limit: 3, cursor: first.nextCursor });
    expect(namesOf(second.items)).toBe('ghm');
    const third = await repository.queryEntities('templates', { orderBy: 'name', limit: 3, cursor: second.nextCursor });
    expect(namesOf(third.items)).toBe('npz');
    expect(third.nextCursor).toBeUndefined();
  });

  test('an entity that stays is returned exactly once while others come and go', async () => {
    await using open = await factory.open();
    const { repository } = open;
    const staying = Array.from({ length: 20 }, (_, i) => `s${String(i).padStart(2, '0')}`);
    await saveNamed(repository, staying);
    const seen: string[] = [];
    let cursor: string | undefined;
    for (let page = 0; page === 0 || cursor !== undefined; page++) {
      const found = await repository.queryEntities('templates', { orderBy: '-name', limit: 3, cursor });
      seen.push(...found.items.map(({ name }) => name));
      // Each page must pass at least one of the entities that stay, or paging would never end.
      expect(page).toBeLessThan(100);
      cursor = found.nextCursor;
      await saveNamed(repository, [`t${page}`, `s${String(page).padStart(2, '0')}-new`, `r${page}`]);
      if (page > 0) await repository.deleteEntity('templates', `t${page - 1}`);
    }
    expect(seen.filter((name) => /^s\d\d$/.test(name))).toEqual(staying.toReversed());
    expect(new Set(seen).size).toBe(seen.length);
  });

  test('a cursor may be used again, with another limit, and after the store was opened again', async () => {
    await using open = await factory.open();
    await saveNamed(open.repository, IN_ORDER);
    const options = { orderBy: 'name', filters: { name: { gte: 'c' } } };
    const { nextCursor: cursor } = await open.repository.queryEntities('templates', { ...options, limit: 2 });
    for (const limit of [1, 4, 1000]) {
      const { items } = await open.repository.queryEntities('templates', { ...options, limit, cursor });
      expect(namesOf(items)).toBe('hjlnp'.slice(0, limit));
    }
    await open.reopen();
    const { items } = await open.repository.queryEntities('templates', { ...options, cursor });
    expect(namesOf(items)).toBe('hjlnp');
  });

  test('a cursor with no entities left after it leads to an empty last page', async () => {
    await using open = await factory.open();
    await saveNamed(open.repository, ['a', 'b']);
    const { nextCursor: cursor } = await open.repository.queryEntities('templates', { orderBy: 'name', limit: 1 });
    await open.repository.deleteEntity('templates', 'b');
    const { items, nextCursor } = await open.repository.queryEntities('templates', {
      orderBy: 'name',
      limit: 1,
      cursor,
    });
    expect({ items, nextCursor }).toEqual({ items: [], nextCursor: undefined });
  });

  test('ties and odd values do not confuse cursors', async () => {
    await using open = await factory.open();
    const values = ['', 'x', "'", '"', '\\', '\n', '漢', '😀', '\uff5e'];
    const entities = values.flatMap((value, i) =>
      ['1', '2', '3'].map((id) => template({ template_id: `${id}${i}`, image_id: value, name: 'same' })),
    );
    const without = ['x1', 'x2', 'x3'].map((id) => template({ template_id: id, name: 'same' }));
    await saveAll(open.repository, 'templates', [...entities, ...without]);
    for (const orderBy of ['image_id', '-image_id', 'name', '-name', 'max_number', 'version', 'created_at']) {
      const whole = await queryAll(open.repository, 'templates', { orderBy });
      for (const limit of [1, 2, 7]) {
        expect(await queryAll(open.repository, 'templates', { orderBy, limit })).toEqual(whole);
      }
      expect(new Set(whole.map(({ template_id }) => template_id)).size).toBe(entities.length + without.length);
    }
  });

  describe('refused', () => {
    const broken = ['', 'x', '!!!', 'e30', Buffer.from('[1,2,3]').toString('base64url'), '😀', 'null', 5];

    test.each(broken)('%p is not a cursor', async (cursor) => {
      const error = await rejection(store().repository.queryEntities('templates', { cursor: cursor as string }));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['cursor']);
    });

    test('the cursor of another query', async () => {
      await using open = await factory.open();
      await saveNamed(open.repository, IN_ORDER);
      const options = { orderBy: 'name', limit: 2, filters: { vm_type: 't3.medium' } };
      const { nextCursor: cursor } = await open.repository.queryEntities('templates', options);
      const others = [
        open.repository.queryEntities('templates', { ...options, orderBy: '-name', cursor }),
        open.repository.queryEntities('templates', { ...options, orderBy: 'vm_type', cursor }),
        open.repository.queryEntities('templates', { ...options, filters: { vm_type: 'other' }, cursor }),
        open.repository.queryEntities('templates', { orderBy: 'name', cursor }),
        open.repository.queryEntities('requests', { cursor }),
      ];
      for (const other of others) {
        expect(((await rejection(other)) as ValidationError).problems.map(({ path }) => path)).toEqual(['cursor']);
      }
    });

    test('but not the same filters in another order', async () => {
      await using open = await factory.open();
      await saveNamed(open.repository, IN_ORDER);
      const [vm_type, name] = ['t3.medium', { gt: 'b', lt: 'z' }];
      const first = await open.repository.queryEntities('templates', { limit: 2, filters: { vm_type, name } });
      const next = await open.repository.queryEntities('templates', {
        filters: { name: { lt: 'z', gt: 'b' }, vm_type },
        cursor: first.nextCursor,
      });
      expect(first.items.length + next.items.length).toBe(7);
    });
  });
});
