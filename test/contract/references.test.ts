import { describe, expect, test } from '@jest/globals';
import {
  EntityInUseError,
  ReferenceNotFoundError,
  TemplateNotFoundError,
  type ValidationError,
} from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveMachine, saveRequest, saveTemplate } from './samples.ts';

onEveryRepository((store, factory) => {
  describe('a child whose parent is missing is refused:', () => {
    test('a request without its template', async () => {
      const { repository } = store();
      const sent = request(newId('template'));
      const error = await rejection(repository.saveEntity('requests', sent));
      expect(error).toBeInstanceOf(TemplateNotFoundError);
      expect(error).toMatchObject({ code: 'template_not_found', field: 'template_id', parentId: sent.template_id });
      expect(await repository.getEntity('requests', sent.request_id)).toBeUndefined();
    });

    test('a machine without its request, whether or not its template is sent', async () => {
      const { repository } = store();
      const { template_id } = await saveTemplate(repository);
      const { template_id: _, ...bare } = machine({ request_id: newId('request'), template_id });
      for (const sent of [bare, { ...bare, template_id }]) {
        const error = await rejection(repository.saveEntity('machines', sent));
        expect(error).toBeInstanceOf(ReferenceNotFoundError);
        expect(error).toMatchObject({ code: 'reference_not_found', field: 'request_id', parent: 'requests' });
        expect(error).toMatchObject({ parentId: bare.request_id, retryable: false });
        expect(await repository.getEntity('machines', bare.machine_id)).toBeUndefined();
      }
    });

    test('a machine without its template', async () => {
      const { repository } = store();
      const { request_id } = await saveRequest(repository);
      const error = await rejection(
        repository.saveEntity('machines', machine({ request_id, template_id: newId('template') })),
      );
      expect(error).toBeInstanceOf(TemplateNotFoundError);
    });

    test('a child that is moved', async () => {
      const { repository } = store();
      const saved = await saveMachine(repository);
      const changes = [{ request_id: newId('request') }, { template_id: newId('template') }];
      for (const change of changes) {
        const error = await rejection(repository.updateEntity('machines', saved.machine_id, change));
        expect(error).toBeInstanceOf(ReferenceNotFoundError);
        const replaced = await rejection(repository.saveEntity('machines', { ...saved, ...change }));
        expect(replaced).toBeInstanceOf(ReferenceNotFoundError);
      }
      expect(await repository.getEntity('machines', saved.machine_id)).toEqual(saved);
    });

    test('an id of the right name in the wrong collection', async () => {
      const { repository } = store();
      const { request_id } = await saveRequest(repository);
      const error = await rejection(repository.saveEntity('requests', request(request_id)));
      expect(error).toBeInstanceOf(TemplateNotFoundError);
    });
  });

  test('a child moves to another existing parent, and no longer refers to the first', async () => {
    const { repository } = store();
    const saved = await saveRequest(repository);
    const other = await saveTemplate(repository);
    await repository.updateEntity('requests', saved.request_id, { template_id: other.template_id });
    await repository.deleteEntity('templates', saved.template_id);
    const error = await rejection(repository.deleteEntity('templates', other.template_id));
    expect(error).toBeInstanceOf(EntityInUseError);
  });

  describe('a parent that is still referenced cannot be deleted:', () => {
    test('a request by a machine', async () => {
      const { repository } = store();
      const { request_id, machine_id } = await saveMachine(repository);
      const error = await rejection(repository.deleteEntity('requests', request_id));
      expect(error).toBeInstanceOf(EntityInUseError);
      expect(error).toMatchObject({ code: 'entity_in_use', collection: 'requests', id: request_id });
      expect(error).toMatchObject({ referencedBy: 'machines', retryable: false });
      expect(await repository.getEntity('requests', request_id)).toBeDefined();
      await repository.deleteEntity('machines', machine_id);
      await repository.deleteEntity('requests', request_id);
    });

    test('a template by a request, or by a machine of another template’s request', async () => {
      const { repository } = store();
      const parent = await saveRequest(repository);
      const error = await rejection(repository.deleteEntity('templates', parent.template_id));
      expect(error).toMatchObject({ code: 'entity_in_use', referencedBy: 'requests' });
      const other = await saveTemplate(repository);
      await repository.saveEntity('machines', machine({ ...parent, template_id: other.template_id }));
      const second = await rejection(repository.deleteEntity('templates', other.template_id));
      expect(second).toMatchObject({ code: 'entity_in_use', referencedBy: 'machines' });
    });

    test('also after the store was opened again', async () => {
      await using open = await factory.open();
      const { request_id } = await saveMachine(open.repository);
      await open.reopen();
      expect(await rejection(open.repository.deleteEntity('requests', request_id))).toBeInstanceOf(EntityInUseError);
    });
  });

  test('parents may be replaced and updated while they are referenced', async () => {
    const { repository } = store();
    const parent = await saveRequest(repository);
    await repository.saveEntity('machines', machine(parent));
    expect((await repository.saveEntity('requests', { ...parent, status: 'DONE' })).version).toBe(2);
    expect((await repository.updateEntity('templates', parent.template_id, { name: 'Other' })).version).toBe(2);
  });

  describe('if references are not enforced', () => {
    test('children may come before their parents and outlive them', async () => {
      await using open = await factory.open({ enforceReferences: false });
      const { repository } = open;
      const sent = machine({ request_id: 'later', template_id: 'later too' });
      expect(await repository.saveEntity('machines', sent)).toMatchObject({ ...sent, version: 1 });
      const parent = await saveRequest(repository);
      await repository.saveEntity('machines', machine(parent));
      await repository.deleteEntity('requests', parent.request_id);
      await repository.deleteEntity('templates', parent.template_id);
      const moved = await repository.updateEntity('machines', sent.machine_id, { request_id: 'elsewhere' });
      expect(moved.version).toBe(2);
      const together = [{ collection: 'requests', entity: request('no such template') }] as const;
      expect(await repository.createTogether(together)).toHaveLength(1);
      const [result] = await repository.saveEntities('requests', [request('no such template')]);
      expect(result?.status).toBe('saved');
    });

    test('a template cannot be taken from a missing request', async () => {
      await using open = await factory.open({ enforceReferences: false });
      const { template_id: _, ...bare } = machine({ request_id: 'later', template_id: '' });
      const error = await rejection(open.repository.saveEntity('machines', bare));
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['template_id']);
      const { template_id } = await saveTemplate(open.repository);
      await open.repository.saveEntity('requests', request(template_id, { request_id: 'later' }));
      expect((await open.repository.saveEntity('machines', bare)).template_id).toBe(template_id);
    });
  });
});
