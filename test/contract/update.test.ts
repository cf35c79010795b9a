import { expect, test } from '@jest/globals';
import { EntityNotFoundError, ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { newId, saveMachine, saveRequest, saveTemplate } from './samples.ts';

onEveryRepository((store) => {
  test('the fields sent are replaced, the others stay', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository, { image_id: 'ami-1', attributes: { a: 1, b: { c: 2 } }, extra: [1] });
    const updated = await repository.updateEntity('templates', saved.template_id, {
      max_number: -1,
      attributes: { b: { d: 3 } },
      another: 'new',
    });
    expect(updated).toEqual({
      ...saved,
      max_number: -1,
      attributes: { b: { d: 3 } },
      another: 'new',
      version: 2,
      updated_at: updated.updated_at,
    });
    expect(updated.updated_at >= saved.updated_at).toBe(true);
    expect(await repository.getEntity('templates', saved.template_id)).toEqual(updated);
  });

  test('null removes a field, declared or not, present or not', async () => {
    const { repository } = store();
    const saved = await saveMachine(repository, { private_ip: '10.0.0.1', extra: { a: null } });
    const updated = await repository.updateEntity('machines', saved.machine_id, {
      private_ip: null,
      public_ip: null,
      extra: null,
      never: null,
    });
    const { private_ip: _, extra: __, ...rest } = saved;
    expect(updated).toEqual({ ...rest, version: 2, updated_at: updated.updated_at });
    expect(await repository.getEntity('machines', saved.machine_id)).toEqual(updated);
  });

  test('no changes are a write too', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository);
    const updated = await repository.updateEntity('templates', saved.template_id, {});
    expect(updated).toEqual({ ...saved, version: 2, updated_at: updated.updated_at });
  });

  test('undefined changes nothing', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository, { image_id: 'ami-1' });
    const updated = await repository.updateEntity('templates', saved.template_id, { image_id: undefined as never });
    expect(updated.image_id).toBe('ami-1');
  });

  test('callers cannot change created_at and updated_at', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository);
    const updated = await repository.updateEntity('templates', saved.template_id, {
      created_at: '2001-01-01T00:00:00Z',
      updated_at: '2001-01-01T00:00:00Z',
    });
    expect(updated.created_at).toBe(saved.created_at);
    expect(updated.updated_at >= saved.updated_at).toBe(true);
    const again = await repository.updateEntity('templates', saved.template_id, {
      created_at: null,
      updated_at: null,
      version: null,
    });
    expect(again).toMatchObject({ created_at: saved.created_at, version: 3 });
    expect(again.updated_at >= saved.updated_at).toBe(true);
  });

  test('timestamps are stored in UTC', async () => {
    const { repository } = store();
    const { request_id } = await saveRequest(repository);
    const updated = await repository.updateEntity('requests', request_id, {
      completed_at: '2026-11-22T10:00:00-01:00',
    });
    expect(updated.completed_at).toBe('2026-11-22T11:00:00.000Z');
  });

  test('a missing entity is an error', async () => {
    const id = newId('machine');
    const error = await rejection(store().repository.updateEntity('machines', id, { status: 'RUNNING' }));
    expect(error).toBeInstanceOf(EntityNotFoundError);
    expect(error).toMatchObject({ code: 'entity_not_found', collection: 'machines', id, retryable: false });
    expect(error.message).toContain(id);
    expect(await store().repository.getEntity('machines', id)).toBeUndefined();
  });

  test('the id may be sent, but not changed', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const updated = await repository.updateEntity('templates', template_id, { template_id, name: 'Other' });
    expect(updated.template_id).toBe(template_id);
    for (const other of [newId('template'), null]) {
      const error = await rejection(repository.updateEntity('templates', template_id, { template_id: other }));
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['template_id']);
    }
  });

  test('a change that breaks a rule is refused, and nothing is stored', async () => {
    const { repository } = store();
    const saved = await saveRequest(repository);
    const changes = { machine_count: -1, status: null, tags: [], completed_at: 'today', 'odd name': 1e-200 };
    const error = await rejection(repository.updateEntity('requests', saved.request_id, changes as never));
    expect(error).toBeInstanceOf(ValidationError);
    const paths = (error as ValidationError).problems.map(({ path }) => path).toSorted();
    expect(paths).toEqual(['["odd name"]', 'completed_at', 'machine_count', 'status', 'tags']);
    expect(await repository.getEntity('requests', saved.request_id)).toEqual(saved);
  });

  test.each([null, [], 'text'])('%p is not a set of changes', async (changes) => {
    const { repository } = store();
    const saved = await saveTemplate(repository);
    const error = await rejection(repository.updateEntity('templates', saved.template_id, changes as never));
    expect(error).toBeInstanceOf(ValidationError);
    expect(await repository.getEntity('templates', saved.template_id)).toEqual(saved);
  });
});
