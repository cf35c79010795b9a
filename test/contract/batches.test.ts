import { describe, expect, test } from '@jest/globals';
import type { EntityInput } from '../../lib/model/entities.ts';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  ReferenceNotFoundError,
  ValidationError,
} from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveAll, saveMachine, saveRequest, saveTemplate, template } from './samples.ts';

onEveryRepository((store, factory) => {
  describe('getEntities', () => {
    test('returns existing entities in the order of the ids, each once, and lists missing ids', async () => {
      const { repository } = store();
      const [a, b, c] = [
        await saveTemplate(repository),
        await saveTemplate(repository),
        await saveTemplate(repository),
      ];
      const [x, y] = [newId('missing'), newId('missing')];
      const ids = [c.template_id, x, a.template_id, c.template_id, b.template_id, y, x];
      expect(await repository.getEntities('templates', ids)).toEqual({ items: [c, a, b], missing: [x, y] });
    });

    test.each([
      ['none', []],
      ['1,001', Array.from({ length: 1001 }, (_, i) => `${i}`)],
      ['no list', 'abc'],
      ['an id that cannot be', ['a', '']],
    ])('%s: refused', async (_, ids) => {
      const error = await rejection(store().repository.getEntities('templates', ids as string[]));
      expect(error).toBeInstanceOf(ValidationError);
    });
  });

  describe('saveEntities', () => {
    test('reports the outcome of each entity, in order', async () => {
      const { repository } = store();
      const existing = await saveTemplate(repository);
      const stale = await saveTemplate(repository);
      await repository.updateEntity('templates', stale.template_id, { name: 'Newer' });
      const fresh = template({ name: 'Fresh' });
      const invalid = template({ max_number: 0 });
      const results = await repository.saveEntities('templates', [
        invalid,
        fresh,
        { ...existing, name: 'Changed' },
        { ...stale, name: 'Stale' },
        template({ template_id: existing.template_id.concat('-new'), version: 0 }),
        template({ template_id: newId('gone'), version: 4 }),
        { name: 'No id' } as EntityInput<'templates'>,
        'text' as never,
      ]);
      expect(results.map(({ status }) => status)).toEqual([
        'invalid',
        'saved',
        'saved',
        'conflict',
        'saved',
        'conflict',
        'invalid',
        'invalid',
      ]);
      expect(results[0]).toEqual({ status: 'invalid', id: invalid.template_id, error: expect.any(ValidationError) });
      expect(results[1]).toMatchObject({ id: fresh.template_id, entity: { ...fresh, version: 1 } });
      expect(results[2]).toMatchObject({ entity: { name: 'Changed', version: 2, created_at: existing.created_at } });
      expect(results[3]).toMatchObject({ id: stale.template_id, error: { currentVersion: 2, expectedVersion: 1 } });
      expect(results[3]).toMatchObject({ error: expect.any(ConcurrencyConflictError) });
      expect(results[5]).toMatchObject({ error: { currentVersion: 0, expectedVersion: 4, current: undefined } });
      expect(results[6]).toMatchObject({ id: undefined });
      expect(results[7]).toMatchObject({ id: undefined });
      for (const result of results) {
        if (result.status !== 'saved') continue;
        expect(await repository.getEntity('templates', result.id)).toEqual(result.entity);
      }
      expect(await repository.getEntity('templates', stale.template_id)).toMatchObject({ name: 'Newer', version: 2 });
      expect(await repository.getEntity('templates', invalid.template_id)).toBeUndefined();
    });

    test('version 0 requires a new entity', async () => {
      const { repository } = store();
      const existing = await saveTemplate(repository);
      const [result] = await repository.saveEntities('templates', [{ ...existing, version: 0, name: 'Other' }]);
      expect(result).toMatchObject({
        status: 'conflict',
        id: existing.template_id,
        error: expect.any(EntityExistsError),
      });
      expect(await repository.getEntity('templates', existing.template_id)).toEqual(existing);
    });

    test('a missing parent fails only its child', async () => {
      const { repository } = store();
      const { template_id } = await saveTemplate(repository);
      const [good, bad] = [request(template_id), request(newId('template'))];
      const results = await repository.saveEntities('requests', [bad, good]);
      expect(results.map(({ status }) => status)).toEqual(['invalid', 'saved']);
      expect(results[0]).toMatchObject({ id: bad.request_id, error: expect.any(ReferenceNotFoundError) });
      expect(await repository.getEntity('requests', bad.request_id)).toBeUndefined();
      expect(await repository.getEntity('requests', good.request_id)).toMatchObject(good);
    });

    test("machines take their template from their own request's", async () => {
      const { repository } = store();
      const [one, two] = [await saveRequest(repository), await saveRequest(repository)];
      const bare = [one, two, one].map(({ request_id }) => ({ machine_id: newId('m'), request_id, status: 'NEW' }));
      const results = await repository.saveEntities('machines', bare);
      const templates = results.map((result) => result.status === 'saved' && result.entity.template_id);
      expect(templates).toEqual([one.template_id, two.template_id, one.template_id]);
    });

    test('1,000 entities are saved and read in one batch each', async () => {
      await using open = await factory.open();
      const { repository } = open;
      const parent = await saveRequest(repository);
      const machines = Array.from({ length: 1000 }, (_, i) => machine(parent, { machine_id: `m${i}`, slot: i }));
      const results = await repository.saveEntities('machines', machines);
      expect(results).toHaveLength(1000);
      expect(results.every(({ status, id }, i) => status === 'saved' && id === `m${i}`)).toBe(true);
      const ids = machines.map(({ machine_id }) => machine_id).toReversed();
      const { items, missing } = await repository.getEntities('machines', ids);
      expect(missing).toEqual([]);
      expect(items.map(({ machine_id }) => machine_id)).toEqual(ids);
      expect(await repository.countEntities('machines')).toEqual({ count: 1000 });
    });

    test('a batch with a repeated id is refused as a whole', async () => {
      const { repository } = store();
      const one = template();
      const error = await rejection(repository.saveEntities('templates', [one, template(), { ...one, name: 'Again' }]));
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['entities[2]']);
      expect(await repository.getEntity('templates', one.template_id)).toBeUndefined();
    });

    test('an entity without a usable id cannot be a repetition', async () => {
      const { repository } = store();
      const nameless = { ...template(), template_id: null } as never;
      const results = await repository.saveEntities('templates', [nameless, nameless, template()]);
      expect(results.map(({ status }) => status)).toEqual(['invalid', 'invalid', 'saved']);
    });

    test.each([
      ['none', []],
      ['1,001', Array.from({ length: 1001 }, () => template())],
      ['no list', {}],
    ])('%s: refused', async (_, entities) => {
      const error = await rejection(store().repository.saveEntities('templates', entities as never));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['entities']);
    });

    test('the collection must exist', async () => {
      for (const name of ['nothing', '__proto__']) {
        const { repository } = store();
        expect(await rejection(repository.saveEntities(name as never, [template()]))).toBeInstanceOf(ValidationError);
        expect(await rejection(repository.getEntities(name as never, ['a']))).toBeInstanceOf(ValidationError);
      }
    });
  });

  test('a batch sees the results of single writes, and the reverse', async () => {
    const { repository } = store();
    const saved = await saveMachine(repository);
    await saveAll(repository, 'machines', [{ ...saved, status: 'STOPPED' }]);
    const updated = await repository.updateEntity('machines', saved.machine_id, { note: 'x' });
    expect(updated).toMatchObject({ status: 'STOPPED', note: 'x', version: 3 });
    expect((await repository.getEntities('machines', [saved.machine_id])).items).toEqual([updated]);
  });
});
