import { expect, test } from '@jest/globals';
import { EntityNotFoundError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { newId, saveMachine, saveTemplate } from './samples.ts';

onEveryRepository((store) => {
  test('a deleted entity is gone from every kind of read', async () => {
    const { repository } = store();
    const { machine_id, request_id } = await saveMachine(repository);
    expect(await repository.deleteEntity('machines', machine_id)).toBeUndefined();
    expect(await repository.getEntity('machines', machine_id)).toBeUndefined();
    expect(await repository.getEntities('machines', [machine_id])).toEqual({ items: [], missing: [machine_id] });
    expect((await repository.queryEntities('machines', { filters: { request_id } })).items).toEqual([]);
    expect(await repository.countEntities('machines', { filters: { request_id } })).toEqual({ count: 0 });
  });

  test('other entities stay', async () => {
    const { repository } = store();
    const [one, two] = [await saveTemplate(repository), await saveTemplate(repository)];
    await repository.deleteEntity('templates', one.template_id);
    expect(await repository.getEntity('templates', two.template_id)).toEqual(two);
  });

  test('a missing entity is an error', async () => {
    const { repository } = store();
    const id = newId('template');
    const error = await rejection(repository.deleteEntity('templates', id));
    expect(error).toBeInstanceOf(EntityNotFoundError);
    expect(error).toMatchObject({ code: 'entity_not_found', collection: 'templates', id });
  });

  test('deleting twice is an error the second time', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    await repository.deleteEntity('templates', template_id);
    expect(await rejection(repository.deleteEntity('templates', template_id))).toBeInstanceOf(EntityNotFoundError);
  });
});
