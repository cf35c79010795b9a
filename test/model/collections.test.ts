import { describe, expect, test } from '@jest/globals';
import {
  type CollectionName,
  collectionNames,
  declarationOf,
  fieldsOf,
  idFieldOf,
  isCollectionName,
  references,
  referencesFrom,
  referencesTo,
} from '../../lib/model/collections.ts';

describe('the model', () => {
  test('the collections, parents before children', () => {
    expect(collectionNames).toEqual(['templates', 'requests', 'machines']);
    const position = (name: CollectionName): number => collectionNames.indexOf(name);
    for (const { collection, parent } of references) expect(position(parent)).toBeLessThan(position(collection));
  });

  test.each(['__proto__', 'constructor', 'Templates', '', undefined, 5])('%p is not a collection', (name) => {
    expect(isCollectionName(name)).toBe(false);
  });

  test('every reference is a required id field, known from both ends', () => {
    expect(references.map(({ collection, field, parent }) => `${collection}.${field} -> ${parent}`)).toEqual([
      'requests.template_id -> templates',
      'machines.request_id -> requests',
      'machines.template_id -> templates',
    ]);
    for (const reference of references) {
      expect(referencesFrom(reference.collection)).toContainEqual(reference);
      expect(referencesTo(reference.parent)).toContainEqual(reference);
      expect(fieldsOf(reference.collection).get(reference.field)).toMatchObject({ required: true, maxLength: 255 });
    }
  });

  test.each(collectionNames)('%s: the id comes first and every index is on sortable fields', (name) => {
    const [first] = fieldsOf(name).keys();
    expect(first).toBe(idFieldOf(name));
    for (const { name: index, partitionKey, sortKey } of declarationOf(name).indexes) {
      expect(index).toBe(`${partitionKey}-${sortKey}-index`);
      for (const key of [partitionKey, sortKey])
        expect(['string', 'timestamp']).toContain(fieldsOf(name).get(key)?.type);
    }
    for (const field of ['created_at', 'updated_at', 'version']) expect(fieldsOf(name).has(field)).toBe(true);
    for (const [, { description }] of fieldsOf(name)) expect(description).toMatch(/\.$/);
  });

  test('the indexes that SPEC.md names, and those that its queries need to avoid a scan', () => {
    const indexes = collectionNames.flatMap((name) =>
      declarationOf(name).indexes.map((index) => `${name} ${index.name}`),
    );
    expect(indexes.toSorted()).toEqual([
      'machines request_id-created_at-index',
      'machines status-created_at-index',
      'machines template_id-created_at-index',
      'requests status-created_at-index',
      'requests template_id-created_at-index',
    ]);
  });
});
