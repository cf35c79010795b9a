import { describe, expect, test } from '@jest/globals';
import { MAX_ENTITY_BYTES } from '../../lib/model/limits.ts';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { saveTemplate, template } from './samples.ts';

const bytesOf = (entity: object): number => Buffer.byteLength(JSON.stringify(entity));

/** A template of exactly this many bytes, filled with the characters of `text`. */
function templateOf(bytes: number, text: string) {
  const entity = { ...template(), filler: '' };
  const room = bytes - bytesOf(entity);
  const each = bytesOf({ t: text }) - bytesOf({ t: '' });
  entity.filler = text.repeat(Math.floor(room / each)) + 'x'.repeat(room % each);
  if (bytesOf(entity) !== bytes) throw new Error('The sample has the wrong size.');
  return entity;
}

onEveryRepository((store) => {
  describe.each([
    ['ASCII', 'x'],
    ['two bytes', 'é'],
    ['three bytes', '漢'],
    ['four bytes', '😀'],
    ['quotes', '"'],
    ['escapes', '\u0001'],
  ])('%s', (_, text) => {
    test('350 KB as UTF-8 JSON are stored', async () => {
      const { repository } = store();
      const sent = templateOf(MAX_ENTITY_BYTES, text);
      const saved = await repository.saveEntity('templates', sent);
      expect(await repository.getEntity('templates', sent.template_id)).toEqual(saved);
      expect(saved.filler).toBe(sent.filler);
      // The tests of a store share it, and those that come later need not carry this along.
      await repository.deleteEntity('templates', sent.template_id);
    });

    test('one byte more is refused', async () => {
      const { repository } = store();
      const sent = templateOf(MAX_ENTITY_BYTES + 1, text);
      const error = await rejection(repository.saveEntity('templates', sent));
      expect(error).toBeInstanceOf(ValidationError);
      expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['']);
      expect(error.message).toContain(`${MAX_ENTITY_BYTES}`);
      expect(await repository.getEntity('templates', sent.template_id)).toBeUndefined();
    });
  });

  test('an entity stored at the limit can be saved back and updated', async () => {
    const { repository } = store();
    const saved = await repository.saveEntity('templates', templateOf(MAX_ENTITY_BYTES, 'x'));
    const again = await repository.saveEntity('templates', saved);
    expect(again.version).toBe(2);
    const updated = await repository.updateEntity('templates', saved.template_id, { name: 'standard' });
    expect(updated).toMatchObject({ name: 'standard', version: 3 });
    await repository.deleteEntity('templates', saved.template_id);
  });

  test('an update that would make the entity too large is refused, though the changes are small', async () => {
    const { repository } = store();
    const saved = await repository.saveEntity('templates', templateOf(MAX_ENTITY_BYTES - 2000, '漢'));
    const changes = { more: 'x'.repeat(5000) };
    const error = await rejection(repository.updateEntity('templates', saved.template_id, changes));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['']);
    expect(await repository.getEntity('templates', saved.template_id)).toEqual(saved);
    const smaller = await repository.updateEntity('templates', saved.template_id, { ...changes, filler: 'short' });
    expect(smaller.more).toBe(changes.more);
  });

  test('changes that are too large themselves are refused', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const changes = { more: 'x'.repeat(MAX_ENTITY_BYTES) };
    expect(await rejection(repository.updateEntity('templates', template_id, changes))).toBeInstanceOf(ValidationError);
  });

  test('a batch of large entities', async () => {
    const { repository } = store();
    const entities = Array.from({ length: 12 }, () => templateOf(MAX_ENTITY_BYTES, '漢'));
    const results = await repository.saveEntities('templates', entities);
    expect(results.map(({ status }) => status)).toEqual(entities.map(() => 'saved'));
    const ids = entities.map(({ template_id }) => template_id);
    const { items } = await repository.getEntities('templates', ids);
    expect(items.map(({ filler }) => filler)).toEqual(entities.map(({ filler }) => filler));
    // DynamoDB answers a query in pages of 1 MB; the repository's page must still be complete.
    const found = await repository.queryEntities('templates', { filters: { template_id: ids } });
    expect(found.items).toHaveLength(12);
    for (const id of ids) await repository.deleteEntity('templates', id);
  });
});
