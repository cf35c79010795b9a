import { describe, expect, test } from '@jest/globals';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { newId, saveTemplate } from './samples.ts';

const unusualIds = [
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'a/b',
  '..',
  '.',
  '/',
  '\\',
  'a#b',
  'a?b&c=d',
  '%2F',
  'ü 漢字',
  '😀',
  "it's",
  '"quoted"',
  '-1',
  '0',
  'null',
  ' ',
  '\u{10ffff}',
  'x'.repeat(255),
  '😀'.repeat(255),
];

const unusableIds: readonly [string, unknown][] = [
  ['empty', ''],
  ['256 characters', 'x'.repeat(256)],
  ['256 characters outside the basic plane', '😀'.repeat(256)],
  ['U+0000', 'a\u0000'],
  ['a line feed', 'a\nb'],
  ['U+007F', 'a\u007f'],
  ['U+0085', 'a\u0085'],
  ['half a surrogate pair', 'a\ud83d'],
  ['a number', 5],
  ['null', null],
  ['nothing', undefined],
  ['an object', {}],
];

onEveryRepository((store, factory) => {
  test('a missing entity is undefined', async () => {
    expect(await store().repository.getEntity('machines', newId('machine'))).toBeUndefined();
  });

  test('an id belongs to its collection', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    expect(await repository.getEntity('requests', template_id)).toBeUndefined();
    expect(await repository.getEntity('machines', template_id)).toBeUndefined();
  });

  describe('ids', () => {
    test.each(unusualIds)('%p is an id like any other', async (id) => {
      const { repository } = store();
      expect(await repository.getEntity('templates', id)).toBeUndefined();
      const saved = await saveTemplate(repository, { template_id: id });
      expect(saved.template_id).toBe(id);
      expect(await repository.getEntity('templates', id)).toEqual(saved);
      const updated = await repository.updateEntity('templates', id, { name: 'Other' });
      expect(await repository.getEntities('templates', [id])).toEqual({ items: [updated], missing: [] });
      const { items } = await repository.queryEntities('templates', { filters: { template_id: id } });
      expect(items).toEqual([updated]);
      await repository.deleteEntity('templates', id);
      expect(await repository.getEntity('templates', id)).toBeUndefined();
    });

    test('ids that look alike are different ids', async () => {
      await using open = await factory.open();
      const alike = ['id', 'ID', 'id ', ' id', 'é', 'e\u0301', 'ﬁ', 'fi', 'ß', 'ss', '1', '01', '1.0'];
      for (const id of alike) {
        const saved = await saveTemplate(open.repository, { template_id: id, name: `name of ${id}` });
        expect(saved.version).toBe(1);
      }
      await open.reopen();
      for (const id of alike) {
        expect((await open.repository.getEntity('templates', id))?.name).toBe(`name of ${id}`);
      }
    });

    test.each(unusableIds)('an id may not be %s', async (_, id) => {
      const { repository } = store();
      const calls = [
        repository.getEntity('templates', id as string),
        repository.deleteEntity('templates', id as string),
        repository.updateEntity('templates', id as string, {}),
        repository.checkEntity('templates', id as string),
        repository.getEntities('templates', [id as string]),
        saveTemplate(repository, { template_id: id as string }),
      ];
      for (const call of calls) {
        const error = await rejection(call);
        expect(error).toBeInstanceOf(ValidationError);
        expect((error as ValidationError).problems[0]?.path).toBe('template_id');
      }
    });
  });
});
