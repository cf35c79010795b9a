import { expect, test } from '@jest/globals';
import type { JsonObject } from '../../lib/model/entities.ts';
import type { ConcurrencyConflictError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { saveTemplate, template } from './samples.ts';

/** Changes an entity in every way its owner may. */
function deface(entity: object | undefined): void {
  if (entity === undefined) throw new Error('There is nothing to deface.');
  const target = entity as { attributes: { list: unknown[]; deep: JsonObject }; name: string; extra?: unknown };
  target.attributes.list.push('defaced');
  target.attributes.deep.value = 'defaced';
  target.name = 'defaced';
  delete target.extra;
}

const attributes = () => ({ list: [1, { a: 'b' }], deep: { value: 'kept' } });

onEveryRepository((store) => {
  test('returned entities belong to the caller: changing them does not change the store', async () => {
    const { repository, strategy } = store();
    const id = (await saveTemplate(repository, { attributes: attributes(), extra: [1] })).template_id;
    const pristine = structuredClone(await repository.getEntity('templates', id));
    const filters = { template_id: id };
    const page = { segment: 0, segments: 1, limit: 1000 };
    const sources: (() => Promise<object | undefined>)[] = [
      () => repository.getEntity('templates', id),
      async () => (await repository.getEntities('templates', [id])).items[0],
      async () => (await repository.queryEntities('templates', { filters })).items[0],
      () => repository.transaction((tx) => tx.getEntity('templates', id)),
      async () => {
        const stale = repository.updateEntity('templates', id, {}, { expectedVersion: 99 });
        return ((await rejection(stale)) as ConcurrencyConflictError).current;
      },
    ];
    if (strategy !== undefined) {
      sources.push(async () =>
        (await strategy.scan('templates', page)).items.find(({ template_id }) => template_id === id),
      );
    }
    for (const source of sources) {
      deface(await source());
      expect(await repository.getEntity('templates', id)).toEqual(pristine);
      expect((await repository.queryEntities('templates', { filters })).items).toEqual([pristine]);
    }
  });

  test('the result of a write belongs to the caller, too', async () => {
    const { repository } = store();
    const extra = ['kept'];
    const sent = () => template({ attributes: attributes(), extra });
    const saved = await repository.saveEntity('templates', sent());
    const id = saved.template_id;
    const unchanged = { attributes: attributes(), name: 'Standard', extra };
    deface(saved);
    expect(await repository.getEntity('templates', id)).toMatchObject(unchanged);
    deface(await repository.updateEntity('templates', id, { max_number: 11 }));
    expect(await repository.getEntity('templates', id)).toMatchObject(unchanged);
    deface(await repository.updateEntity('templates', id, { attributes: attributes() }));
    expect(await repository.getEntity('templates', id)).toMatchObject(unchanged);
    const [result] = await repository.saveEntities('templates', [{ ...sent(), template_id: id }]);
    deface(result?.status === 'saved' ? result.entity : undefined);
    expect(await repository.getEntity('templates', id)).toMatchObject(unchanged);
    const [created] = await repository.createTogether([{ collection: 'templates', entity: sent() }]);
    deface(created);
    expect(await repository.getEntity('templates', created?.template_id as string)).toMatchObject(unchanged);
  });

  test("the caller's input is not kept: later changes to it have no effect, and it is not changed itself", async () => {
    const { repository, strategy } = store();
    const sent = template({
      attributes: attributes(),
      extra: [1],
      image_id: null,
      created_at: '2026-01-01T00:00:00+01:00',
    });
    const copy = structuredClone(sent);
    await repository.saveEntity('templates', sent);
    expect(sent).toEqual(copy);
    deface(sent);
    expect(await repository.getEntity('templates', sent.template_id)).toMatchObject({
      attributes: attributes(),
      extra: [1],
    });

    const changes = { attributes: attributes(), name: 'Changed', extra: [2] };
    await repository.updateEntity('templates', sent.template_id, changes);
    deface(changes);
    expect(await repository.getEntity('templates', sent.template_id)).toMatchObject({
      attributes: attributes(),
      name: 'Changed',
      extra: [2],
    });

    const batch = [template({ attributes: attributes(), extra: [3] })] as const;
    await repository.saveEntities('templates', batch);
    deface(batch[0]);
    expect(await repository.getEntity('templates', batch[0].template_id)).toMatchObject({
      name: 'Standard',
      extra: [3],
    });

    if (strategy === undefined) return;
    const loaded = {
      ...template({ attributes: attributes(), extra: [4] }),
      version: 3,
      created_at: '2026-01-01T00:00:00.000Z',
    };
    await strategy.load('templates', [loaded]);
    deface(loaded);
    expect(await repository.getEntity('templates', loaded.template_id)).toMatchObject({
      attributes: attributes(),
      name: 'Standard',
      extra: [4],
    });
  });
});
