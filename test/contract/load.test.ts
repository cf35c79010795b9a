import { describe, expect, test } from '@jest/globals';
import type { Entity } from '../../lib/model/entities.ts';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryStore } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveTemplate, template } from './samples.ts';

/** An entity in the form that another store would return. */
const stored = (version: number, fields: Parameters<typeof template>[0] = {}): Entity & { template_id: string } => ({
  ...template(fields),
  created_at: '2020-02-02T00:00:00.000Z',
  updated_at: '2021-03-03T00:00:00.123Z',
  version,
});

onEveryStore((store, factory) => {
  test('entities are stored verbatim, versions and timestamps included', async () => {
    await using open = await factory.open();
    const entities = [
      stored(7),
      stored(1, { image_id: 'i', extra: [null] }),
      { ...stored(2 ** 30), ...JSON.parse('{"__proto__":1}') },
    ];
    expect(await open.strategy.load('templates', entities)).toBe(3);
    for (const entity of entities) {
      expect(await open.repository.getEntity('templates', entity.template_id)).toStrictEqual(entity);
    }
    await open.reopen();
    const ids = entities.map(({ template_id }) => template_id);
    expect((await open.repository.getEntities('templates', ids)).items).toStrictEqual(entities);
    const filters = { created_at: '2020-02-02T00:00:00Z' };
    expect(await open.repository.countEntities('templates', { filters })).toEqual({ count: 3 });
  });

  test('a newer or the same version is never overwritten; an older one is', async () => {
    const { repository, strategy } = store();
    const [newer, same, older] = [
      await saveTemplate(repository),
      await saveTemplate(repository),
      await saveTemplate(repository),
    ];
    const current = await repository.updateEntity('templates', newer.template_id, { name: 'Current' });
    const loaded = stored(5, { template_id: older.template_id, name: 'Loaded' });
    const count = await strategy.load('templates', [
      stored(1, { template_id: newer.template_id, name: 'Old' }),
      stored(1, { template_id: same.template_id, name: 'Same' }),
      loaded,
    ]);
    expect(count).toBe(1);
    expect(await repository.getEntity('templates', newer.template_id)).toEqual(current);
    expect(await repository.getEntity('templates', same.template_id)).toEqual(same);
    expect(await repository.getEntity('templates', older.template_id)).toEqual(loaded);
  });

  test("over 'same', never over a newer version", async () => {
    const { repository, strategy } = store();
    const [newer, same] = [await saveTemplate(repository), await saveTemplate(repository)];
    const current = await repository.updateEntity('templates', newer.template_id, { name: 'Current' });
    const entities = [
      stored(1, { template_id: newer.template_id, name: 'Old' }),
      stored(1, { template_id: same.template_id, name: 'Same' }),
    ];
    expect(await strategy.load('templates', entities, { over: 'same' })).toBe(1);
    const ids = entities.map(({ template_id }) => template_id);
    expect((await repository.getEntities('templates', ids)).items).toStrictEqual([current, entities[1]]);
  });

  test("over 'any', also over the same and over a newer version", async () => {
    const { repository, strategy } = store();
    const [newer, same] = [await saveTemplate(repository), await saveTemplate(repository)];
    await repository.updateEntity('templates', newer.template_id, { name: 'Current' });
    const entities = [
      stored(1, { template_id: newer.template_id, name: 'Old' }),
      stored(1, { template_id: same.template_id, name: 'Same' }),
      stored(9),
    ];
    expect(await strategy.load('templates', entities, { over: 'any' })).toBe(3);
    const ids = entities.map(({ template_id }) => template_id);
    expect((await repository.getEntities('templates', ids)).items).toStrictEqual(entities);
  });

  test('repeating a load does nothing', async () => {
    const { repository, strategy } = store();
    const entities = [stored(3), stored(4)];
    expect(await strategy.load('templates', entities)).toBe(2);
    expect(await strategy.load('templates', entities)).toBe(0);
    const updated = await repository.updateEntity('templates', entities[0]?.template_id as string, { name: 'Newer' });
    expect(updated.version).toBe(4);
    expect(await strategy.load('templates', entities)).toBe(0);
    expect(await repository.getEntity('templates', updated.template_id)).toEqual(updated);
  });

  test('nothing to load', async () => {
    expect(await store().strategy.load('requests', [])).toBe(0);
  });

  test('a loaded entity is like any other: it can be replaced, found and referenced', async () => {
    const { repository, strategy } = store();
    const parent = stored(41);
    await strategy.load('templates', [parent]);
    const child = await repository.saveEntity('requests', request(parent.template_id));
    expect(child.version).toBe(1);
    const updated = await repository.updateEntity(
      'templates',
      parent.template_id,
      { name: 'N' },
      { expectedVersion: 41 },
    );
    expect(updated).toMatchObject({ version: 42, created_at: parent.created_at });
    expect(updated.updated_at > '2026').toBe(true);
    const { items } = await repository.queryEntities('templates', { filters: { template_id: parent.template_id } });
    expect(items).toEqual([updated]);
  });

  test('1,000 entities at once', async () => {
    await using open = await factory.open();
    const parents = { request_id: newId('request'), template_id: newId('template') };
    const machines = Array.from({ length: 1000 }, () => ({
      ...machine(parents),
      created_at: '2020-02-02T00:00:00.000Z',
      updated_at: '2020-02-02T00:00:00.000Z',
      version: 1,
    }));
    await open.strategy.load('templates', [stored(1, { template_id: parents.template_id })]);
    const parent = { ...request(parents.template_id, { request_id: parents.request_id }), version: 1 };
    await open.strategy.load('requests', [{ ...parent, request_type: 'provision' }]);
    expect(await open.strategy.load('machines', machines)).toBe(1000);
    expect(await open.repository.countEntities('machines', { filters: parents })).toEqual({ count: 1000 });
  });

  describe('records that break the rules', () => {
    const { loadsInvalidRecords } = factory.capabilities;
    const whole = (): Entity => ({ ...stored(1), extra: [1] });
    const broken: readonly [string, Entity][] = [
      ['without a required field', { template_id: newId('broken'), name: 'No limit', version: 1 }],
      ['of another type', { ...stored(1), max_number: 'ten' }],
      ['with a text that is too long', { ...stored(1), vm_type: 'x'.repeat(51) }],
    ];
    test.each(broken)('%s', async (_, record) => {
      const { repository, strategy } = store();
      const sound = whole();
      const loading = strategy.load('templates', [sound, record]);
      const ids = [sound, record].map(({ template_id }) => template_id as string);
      if (loadsInvalidRecords) {
        expect(await loading).toBe(2);
        expect(strategy.loadProblems('templates', record)).toEqual([]);
        expect((await repository.getEntities('templates', ids)).items).toEqual([sound, record]);
      } else {
        const error = await rejection(loading);
        expect(error).toBeInstanceOf(ValidationError);
        expect(error.message).toContain(ids[1]);
        expect(strategy.loadProblems('templates', record)).not.toEqual([]);
        expect((await repository.getEntities('templates', ids)).items).toEqual([]);
      }
    });

    test('whose parent is missing', async () => {
      const { repository, strategy } = store();
      const parent = await saveTemplate(repository);
      const child = (templateId: string): Entity => ({ ...request(templateId), request_type: 'provision', version: 3 });
      const [sound, orphan] = [child(parent.template_id), child(newId('nowhere'))];
      const loading = strategy.load('requests', [sound, orphan]);
      const ids = [sound, orphan].map(({ request_id }) => request_id as string);
      if (loadsInvalidRecords) {
        expect(await loading).toBe(2);
        expect((await repository.getEntities('requests', ids)).items).toEqual([sound, orphan]);
      } else {
        expect(await rejection(loading)).toMatchObject({ code: 'template_not_found', parentId: orphan.template_id });
        expect((await repository.getEntities('requests', ids)).items).toEqual([]);
      }
    });

    test('whose parent is missing, if references are not enforced', async () => {
      await using open = await factory.open({ enforceReferences: false });
      const orphan: Entity = { ...request(newId('nowhere')), request_type: 'provision', version: 3 };
      expect(await open.strategy.load('requests', [orphan])).toBe(1);
      expect(await open.repository.getEntity('requests', orphan.request_id as string)).toEqual(orphan);
    });
  });
});
