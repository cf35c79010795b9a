import { describe, expect, test } from '@jest/globals';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  EntityNotFoundError,
  ValidationError,
} from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { newId, saveTemplate, template } from './samples.ts';

onEveryRepository((store) => {
  const saved = async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const current = await repository.updateEntity('templates', template_id, { name: 'Current' });
    return { repository, id: template_id, current };
  };

  test('a write over the expected version succeeds', async () => {
    const { repository, id, current } = await saved();
    const second = await repository.updateEntity('templates', id, { name: 'B' }, { expectedVersion: current.version });
    expect(second.version).toBe(3);
    const third = await repository.saveEntity('templates', template({ template_id: id }), { expectedVersion: 3 });
    expect(third.version).toBe(4);
    await repository.checkEntity('templates', id, { expectedVersion: 4 });
    await repository.deleteEntity('templates', id, { expectedVersion: 4 });
    expect(await repository.getEntity('templates', id)).toBeUndefined();
  });

  test.each([1, 3, 99])(
    'a write over version %p is a conflict if the version is 2, and carries the current entity',
    async (expectedVersion) => {
      const { repository, id, current } = await saved();
      const changes = [
        repository.updateEntity('templates', id, { name: 'Mine' }, { expectedVersion }),
        repository.updateEntity('templates', id, { name: 'Mine', version: expectedVersion }),
        repository.saveEntity('templates', template({ template_id: id }), { expectedVersion }),
        repository.saveEntity('templates', template({ template_id: id, version: expectedVersion })),
        repository.deleteEntity('templates', id, { expectedVersion }),
        repository.checkEntity('templates', id, { expectedVersion }),
      ];
      for (const change of changes) {
        const error = await rejection(change);
        expect(error).toBeInstanceOf(ConcurrencyConflictError);
        expect(error).toMatchObject({ code: 'concurrency_conflict', collection: 'templates', id, retryable: false });
        expect(error).toMatchObject({ expectedVersion, currentVersion: 2, current });
      }
      expect(await repository.getEntity('templates', id)).toEqual(current);
    },
  );

  test('the conflict contains everything needed to merge and retry', async () => {
    const { repository, id } = await saved();
    const error = await rejection(repository.updateEntity('templates', id, { max_number: 7 }, { expectedVersion: 1 }));
    const { current, currentVersion } = error as ConcurrencyConflictError;
    const merged = { ...current, max_number: 7 } as ReturnType<typeof template>;
    const again = await repository.saveEntity('templates', merged, { expectedVersion: currentVersion });
    expect(again).toMatchObject({ name: 'Current', max_number: 7, version: 3 });
  });

  describe('expected version 0: the entity must not exist', () => {
    test('it does not: created', async () => {
      const { repository } = store();
      const one = await repository.saveEntity('templates', template(), { expectedVersion: 0 });
      const two = await repository.saveEntity('templates', template({ version: 0 }));
      expect([one.version, two.version]).toEqual([1, 1]);
      await repository.checkEntity('templates', newId('template'), { expectedVersion: 0 });
    });

    test('it does: refused with its version', async () => {
      const { repository, id, current } = await saved();
      const calls = [
        repository.saveEntity('templates', template({ template_id: id }), { expectedVersion: 0 }),
        repository.saveEntity('templates', template({ template_id: id, version: 0 })),
        repository.checkEntity('templates', id, { expectedVersion: 0 }),
      ];
      for (const call of calls) {
        const error = await rejection(call);
        expect(error).toBeInstanceOf(EntityExistsError);
        expect(error).toMatchObject({ code: 'entity_exists', collection: 'templates', id, currentVersion: 2 });
      }
      expect(await repository.getEntity('templates', id)).toEqual(current);
    });
  });

  describe("expected 'exists'", () => {
    test('it does: written', async () => {
      const { repository, id } = await saved();
      const options = { expectedVersion: 'exists' } as const;
      expect((await repository.saveEntity('templates', template({ template_id: id }), options)).version).toBe(3);
      expect((await repository.updateEntity('templates', id, {}, options)).version).toBe(4);
      await repository.checkEntity('templates', id, options);
      await repository.checkEntity('templates', id);
      await repository.deleteEntity('templates', id, options);
    });

    test('it does not: refused', async () => {
      const { repository } = store();
      const options = { expectedVersion: 'exists' } as const;
      const sent = template();
      const error = await rejection(repository.saveEntity('templates', sent, options));
      expect(error).toBeInstanceOf(ConcurrencyConflictError);
      expect(error).toMatchObject({ expectedVersion: 'exists', currentVersion: 0, current: undefined });
      expect(await repository.getEntity('templates', sent.template_id)).toBeUndefined();
      const id = newId('template');
      for (const call of [
        () => repository.checkEntity('templates', id),
        () => repository.checkEntity('templates', id, options),
        () => repository.updateEntity('templates', id, {}, options),
        () => repository.deleteEntity('templates', id, options),
      ]) {
        expect(await rejection(call())).toBeInstanceOf(EntityNotFoundError);
      }
    });
  });

  test('a version of a missing entity', async () => {
    const { repository } = store();
    const sent = template();
    const error = await rejection(repository.saveEntity('templates', sent, { expectedVersion: 5 }));
    expect(error).toBeInstanceOf(ConcurrencyConflictError);
    expect(error).toMatchObject({ expectedVersion: 5, currentVersion: 0, current: undefined });
    expect(await repository.getEntity('templates', sent.template_id)).toBeUndefined();
    const options = { expectedVersion: 5 };
    expect(await rejection(repository.updateEntity('templates', newId('t'), {}, options))).toBeInstanceOf(
      EntityNotFoundError,
    );
    expect(await rejection(repository.deleteEntity('templates', newId('t'), options))).toBeInstanceOf(
      EntityNotFoundError,
    );
    expect(await rejection(repository.checkEntity('templates', newId('t'), options))).toBeInstanceOf(
      ConcurrencyConflictError,
    );
  });

  test("the option and the entity's own version must agree", async () => {
    const { repository, id, current } = await saved();
    const entity = { ...current, name: 'Other' };
    for (const expectedVersion of [0, 1, 3]) {
      const error = await rejection(repository.saveEntity('templates', entity, { expectedVersion }));
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['version']);
    }
    const saveNew = repository.saveEntity('templates', { ...entity, version: 0 }, { expectedVersion: 'exists' });
    expect(await rejection(saveNew)).toBeInstanceOf(ValidationError);
    expect((await repository.saveEntity('templates', entity, { expectedVersion: 2 })).version).toBe(3);
    const exists = { expectedVersion: 'exists' } as const;
    expect((await repository.updateEntity('templates', id, { version: 3 }, exists)).version).toBe(4);
  });

  test.each([-1, 1.5, Number.NaN, '2', null, {}])('%p is not a version', async (version) => {
    const { repository, id, current } = await saved();
    const options = { expectedVersion: version as number };
    const calls = [
      repository.saveEntity('templates', template({ template_id: id }), options),
      repository.updateEntity('templates', id, {}, options),
      repository.deleteEntity('templates', id, options),
      repository.checkEntity('templates', id, options),
    ];
    for (const call of calls) expect(await rejection(call)).toBeInstanceOf(ValidationError);
    if (version !== null) {
      const sent = repository.updateEntity('templates', id, { version: version as number });
      expect(await rejection(sent)).toBeInstanceOf(ValidationError);
    }
    expect(await repository.getEntity('templates', id)).toEqual(current);
  });
});
