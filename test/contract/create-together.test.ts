import { setImmediate } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import {
  EntityExistsError,
  ReferenceNotFoundError,
  StorageError,
  TemplateNotFoundError,
  ValidationError,
} from '../../lib/repository/errors.ts';
import type { NewEntity, Repository } from '../../lib/repository/repository.ts';
import { onEveryRepository, testIfCapable } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveRequest, saveTemplate, template } from './samples.ts';

const newTemplate = (entity = template()): NewEntity => ({ collection: 'templates', entity });
const newRequest = (entity: ReturnType<typeof request>): NewEntity => ({ collection: 'requests', entity });
const newMachine = (entity: ReturnType<typeof machine>): NewEntity => ({ collection: 'machines', entity });

const exist = async (repository: Repository, entities: readonly NewEntity[]): Promise<boolean[]> =>
  Promise.all(
    entities.map(async ({ collection, entity }) => {
      const id = Object.values(entity)[0] as string;
      return (await repository.getEntity(collection, id)) !== undefined;
    }),
  );

onEveryRepository((store, factory) => {
  test('creates parents and children, and returns them as stored, in order', async () => {
    const { repository } = store();
    const one = template();
    const two = request(one.template_id, { created_at: '2026-01-01T00:00:00Z' });
    const three = machine({ request_id: two.request_id, template_id: one.template_id });
    const created = await repository.createTogether([newTemplate(one), newRequest(two), newMachine(three)]);
    expect(created).toMatchObject([
      { ...one, version: 1 },
      { ...two, version: 1, request_type: 'provision', created_at: '2026-01-01T00:00:00.000Z' },
      { ...three, version: 1 },
    ]);
    expect(await repository.getEntity('templates', one.template_id)).toEqual(created[0]);
    expect(await repository.getEntity('requests', two.request_id)).toEqual(created[1]);
    expect(await repository.getEntity('machines', three.machine_id)).toEqual(created[2]);
  });

  const testMany = testIfCapable(factory.reach.manyWrites, 'it creates up to 100 entities together');
  testMany('2,000 machines and their request', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const parent = request(template_id, { machine_count: 2000 });
    const { request_id } = parent;
    const machines = Array.from({ length: 2000 }, () => newMachine(machine({ request_id, template_id })));
    const created = await repository.createTogether([newRequest(parent), ...machines]);
    expect(created).toHaveLength(2001);
    expect(await repository.countEntities('machines', { filters: { request_id } })).toEqual({ count: 2000 });
  });

  test('if one exists already, none is created', async () => {
    const { repository } = store();
    const existing = await saveTemplate(repository);
    const [before, after] = [newTemplate(), newTemplate()];
    const error = await rejection(
      repository.createTogether([before, newTemplate(template({ template_id: existing.template_id })), after]),
    );
    expect(error).toBeInstanceOf(EntityExistsError);
    expect(error).toMatchObject({ collection: 'templates', id: existing.template_id, currentVersion: 1 });
    expect(await exist(repository, [before, after])).toEqual([false, false]);
    expect(await repository.getEntity('templates', existing.template_id)).toEqual(existing);
  });

  test('if a parent is missing, none is created', async () => {
    const { repository } = store();
    const absent = newId('template');
    const entities = [newTemplate(), newRequest(request(absent))];
    const error = await rejection(repository.createTogether(entities));
    expect(error).toBeInstanceOf(TemplateNotFoundError);
    expect(error).toMatchObject({ code: 'template_not_found', parentId: absent });
    expect(await exist(repository, entities)).toEqual([false, false]);
  });

  test('the error names the field that refers to the missing parent, whatever else is created', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const orphan = newMachine(machine({ request_id: newId('request'), template_id }));
    for (const entities of [
      [orphan, newTemplate()],
      [newTemplate(), orphan],
    ]) {
      const error = await rejection(repository.createTogether(entities));
      expect(error).toBeInstanceOf(ReferenceNotFoundError);
      expect(error).toMatchObject({ code: 'reference_not_found', field: 'request_id', parent: 'requests' });
    }
  });

  test('an invalid entity: none is created', async () => {
    const { repository } = store();
    const entities = [newTemplate(), newTemplate(template({ max_number: 0 }))];
    expect(await rejection(repository.createTogether(entities))).toBeInstanceOf(ValidationError);
    expect(await exist(repository, entities)).toEqual([false, false]);
  });

  test('the same id twice: none is created', async () => {
    const { repository } = store();
    const one = template();
    const error = await rejection(
      repository.createTogether([newTemplate(one), newTemplate({ ...one, name: 'Again' })]),
    );
    expect(error).toBeInstanceOf(StorageError);
    expect(await repository.getEntity('templates', one.template_id)).toBeUndefined();
  });

  test('a machine takes its template from its request, created with it or existing before', async () => {
    const { repository } = store();
    const existing = await saveRequest(repository);
    const fresh = request(existing.template_id);
    const bare = [fresh, existing].map(({ request_id }) => ({ machine_id: newId('m'), request_id, status: 'NEW' }));
    const created = await repository.createTogether([newRequest(fresh), ...bare.map((entity) => newMachine(entity))]);
    const templates = created.slice(1).map(({ template_id }) => template_id);
    expect(templates).toEqual([existing.template_id, existing.template_id]);
  });

  test('the collection must exist', async () => {
    const entities = [{ collection: '__proto__', entity: template() }] as never;
    expect(await rejection(store().repository.createTogether(entities))).toBeInstanceOf(ValidationError);
  });

  testMany('a reader of the request sees all of its machines or none', async () => {
    const { repository } = store();
    const reader = await store().second();
    const { template_id } = await saveTemplate(repository);
    const parent = request(template_id);
    const { request_id } = parent;
    const machines = Array.from({ length: 500 }, () => newMachine(machine({ request_id, template_id })));
    let done = false;
    const creating = repository.createTogether([newRequest(parent), ...machines]).finally(() => {
      done = true;
    });
    const seen = new Set<number>();
    while (!done) {
      // A store that answers from memory would otherwise never let the writer run.
      await setImmediate();
      const found = await reader.getEntity('requests', request_id);
      const { count } = await reader.countEntities('machines', { filters: { request_id } });
      // The request was read first: if it existed, all of its machines must exist, too.
      if (found !== undefined) seen.add(count);
      else if (factory.capabilities.maxAtomicWrites >= 501) expect([0, 500]).toContain(count);
    }
    await creating;
    seen.add((await reader.countEntities('machines', { filters: { request_id } })).count);
    expect([...seen]).toEqual([500]);
  });
});
