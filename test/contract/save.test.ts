import { expect, test } from '@jest/globals';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveMachine, saveRequest, saveTemplate, template } from './samples.ts';

onEveryRepository((store) => {
  test('a new entity gets version 1 and both times, and is returned as stored', async () => {
    const { repository } = store();
    const before = new Date().toISOString();
    const sent = template({ image_id: 'ami-1', subnet_ids: ['a', 'b'], attributes: { ncpus: ['Numeric', '2'] } });
    const saved = await repository.saveEntity('templates', sent);
    const after = new Date().toISOString();
    expect(saved).toEqual({ ...sent, version: 1, created_at: saved.created_at, updated_at: saved.created_at });
    expect(saved.created_at >= before && saved.created_at <= after).toBe(true);
    expect(await repository.getEntity('templates', saved.template_id)).toEqual(saved);
  });

  test('omitted fields get their defaults', async () => {
    const { repository } = store();
    const saved = await saveRequest(repository);
    expect(saved.request_type).toBe('provision');
    const { template_id: _, ...withoutTemplate } = machine(saved);
    const stored = await repository.saveEntity('machines', withoutTemplate);
    expect(stored.template_id).toBe(saved.template_id);
    expect(await repository.getEntity('machines', stored.machine_id)).toEqual(stored);
  });

  test('saving again replaces the whole entity', async () => {
    const { repository } = store();
    const first = await saveTemplate(repository, { image_id: 'ami-1', attributes: { a: 1, b: 2 }, extra: 'kept' });
    const { image_id: _, extra: __, ...rest } = first;
    const second = await repository.saveEntity('templates', { ...rest, attributes: { b: 3 } });
    expect(second).toEqual({ ...rest, attributes: { b: 3 }, version: 2, updated_at: second.updated_at });
    expect(await repository.getEntity('templates', first.template_id)).toEqual(second);
  });

  test('each save adds one to the version and never sets updated_at back', async () => {
    const { repository } = store();
    let saved = await saveTemplate(repository);
    for (let version = 2; version <= 5; version++) {
      const { version: _, ...fields } = saved;
      const next = await repository.saveEntity('templates', { ...fields, max_number: version });
      expect(next.version).toBe(version);
      expect(next.updated_at >= saved.updated_at).toBe(true);
      saved = next;
    }
  });

  test("created_at is the caller's at creation, in UTC, and never changes after", async () => {
    const { repository } = store();
    const id = newId('template');
    const first = await saveTemplate(repository, { template_id: id, created_at: '2026-01-02T03:04:05+05:30' });
    expect(first.created_at).toBe('2026-01-01T21:34:05.000Z');
    expect(first.updated_at > first.created_at).toBe(true);
    const second = await saveTemplate(repository, { template_id: id, created_at: '2020-01-01T00:00:00Z' });
    expect(second.created_at).toBe(first.created_at);
    const third = await saveTemplate(repository, { template_id: id });
    expect(third.created_at).toBe(first.created_at);
    expect((await repository.getEntity('templates', id))?.created_at).toBe(first.created_at);
  });

  test('updated_at is the time of the write, whatever the caller sends', async () => {
    const { repository } = store();
    const before = new Date().toISOString();
    const first = await saveTemplate(repository, { updated_at: '1999-01-01T00:00:00Z' });
    expect(first.updated_at >= before).toBe(true);
    await new Promise((resolve) => setTimeout(resolve, 5));
    const between = new Date().toISOString();
    const second = await repository.saveEntity('templates', { ...first, updated_at: '2999-01-01T00:00:00Z' });
    expect(second.updated_at >= between && second.updated_at <= new Date().toISOString()).toBe(true);
    expect(await repository.getEntity('templates', first.template_id)).toEqual(second);
  });

  test('null means absent', async () => {
    const { repository } = store();
    const saved = await saveMachine(repository, {
      private_ip: null,
      started_at: null,
      note: null,
      public_ip: '192.0.2.1',
    });
    expect(Object.keys(saved)).not.toEqual(expect.arrayContaining(['private_ip']));
    expect(saved).not.toHaveProperty('started_at');
    expect(saved).not.toHaveProperty('note');
    expect(saved.public_ip).toBe('192.0.2.1');
    const withoutAddress = await repository.saveEntity('machines', { ...saved, public_ip: null });
    expect(withoutAddress).not.toHaveProperty('public_ip');
    expect(await repository.getEntity('machines', saved.machine_id)).toEqual(withoutAddress);
  });

  test('an entity can be saved back unchanged', async () => {
    const { repository } = store();
    const saved = await saveMachine(repository, { started_at: '2026-11-22T10:00:00.123456Z', extra: { deep: [null] } });
    const read = await repository.getEntity('machines', saved.machine_id);
    const again = await repository.saveEntity('machines', read as typeof saved);
    expect(again).toEqual({ ...saved, version: 2, updated_at: again.updated_at });
  });

  test('an id that was deleted starts again at version 1 with a new created_at', async () => {
    const { repository } = store();
    const first = await saveTemplate(repository, { created_at: '2020-01-01T00:00:00Z' });
    await repository.saveEntity('templates', { ...first, name: 'Second' });
    await repository.deleteEntity('templates', first.template_id);
    const again = await saveTemplate(repository, { template_id: first.template_id });
    expect(again.version).toBe(1);
    expect(again.created_at > '2026').toBe(true);
  });

  test('an entity that breaks rules is refused with every path, and nothing is stored', async () => {
    const { repository } = store();
    const sent = { template_id: newId('template'), name: '', vm_type: 5, max_number: 0, subnet_ids: {}, n: Number.NaN };
    const error = await rejection(repository.saveEntity('templates', sent as never));
    expect(error).toBeInstanceOf(ValidationError);
    expect(error).toMatchObject({ code: 'validation_failed', retryable: false });
    const paths = (error as ValidationError).problems.map(({ path }) => path);
    expect(paths.toSorted()).toEqual(['max_number', 'n', 'name', 'provider_api', 'subnet_ids', 'vm_type']);
    expect(await repository.getEntity('templates', sent.template_id)).toBeUndefined();
  });

  test('a refused replacement does not change the entity', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository);
    await rejection(repository.saveEntity('templates', { ...saved, max_number: -2 }));
    expect(await repository.getEntity('templates', saved.template_id)).toEqual(saved);
  });

  test.each([null, undefined, [], 'text', 7, new Map()])('%p is not an entity', async (sent) => {
    const error = await rejection(store().repository.saveEntity('templates', sent as never));
    expect((error as ValidationError).problems[0]).toEqual({ path: '', message: 'must be a JSON object' });
  });

  test.each(['nothing', '__proto__', 'constructor', '', undefined])('%p is not a collection', async (name) => {
    const error = await rejection(store().repository.saveEntity(name as never, request('t') as never));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).problems[0]?.path).toBe('collection');
  });
});
