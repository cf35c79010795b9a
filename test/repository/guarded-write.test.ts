import { describe, expect, test } from '@jest/globals';
import type { Entity } from '../../lib/model/entities.ts';
import {
  applyWrite,
  type Expectation,
  type GuardedWrite,
  guardFailure,
  versionOf,
} from '../../lib/repository/guarded-write.ts';

const AT = '2026-11-22T10:00:00.000Z';
const base = { collection: 'templates', id: 't' } as const;
const current: Entity = {
  template_id: 't',
  name: 'n',
  created_at: '2020-01-01T00:00:00.000Z',
  updated_at: 'then',
  version: 3,
};

const writeOf = (kind: GuardedWrite['kind'], expect: Expectation): GuardedWrite => {
  const guarded = { ...base, expect };
  if (kind === 'put') return { ...guarded, kind, fields: { template_id: 't' }, at: AT };
  if (kind === 'patch') return { ...guarded, kind, set: {}, remove: [], at: AT };
  if (kind === 'delete') return { ...guarded, kind, unreferencedBy: [] };
  return { ...guarded, kind };
};

describe('guardFailure', () => {
  // Rows: kind and expectation; then the answer if there is no entity, and over version 3.
  test.each<[GuardedWrite['kind'], Expectation, string | undefined, string | undefined]>([
    ['put', undefined, undefined, undefined],
    ['put', 0, undefined, 'exists'],
    ['put', 3, 'conflict', undefined],
    ['put', 4, 'conflict', 'conflict'],
    ['put', 'exists', 'conflict', undefined],
    ['patch', undefined, 'missing', undefined],
    ['patch', 0, 'missing', 'exists'],
    ['patch', 3, 'missing', undefined],
    ['patch', 2, 'missing', 'conflict'],
    ['patch', 'exists', 'missing', undefined],
    ['delete', undefined, 'missing', undefined],
    ['delete', 3, 'missing', undefined],
    ['delete', 2, 'missing', 'conflict'],
    ['check', 'exists', 'missing', undefined],
    ['check', 0, undefined, 'exists'],
    ['check', 3, 'conflict', undefined],
    ['check', 2, 'conflict', 'conflict'],
  ])('%s expecting %p: over nothing %p, over version 3 %p', (kind, expectation, overNothing, overCurrent) => {
    expect(guardFailure(writeOf(kind, expectation), undefined)).toBe(overNothing);
    expect(guardFailure(writeOf(kind, expectation), current)).toBe(overCurrent);
  });

  test('a record of another program without a version exists, at version 1', () => {
    const { version: _, ...rest } = current;
    const bare = rest as unknown as Entity;
    expect(versionOf(undefined)).toBe(0);
    expect(versionOf(bare)).toBe(1);
    expect(guardFailure(writeOf('put', 0), bare)).toBe('exists');
    expect(guardFailure(writeOf('put', 1), bare)).toBeUndefined();
    expect(applyWrite({ ...base, kind: 'patch', set: {}, remove: [], at: AT }, bare).version).toBe(2);
  });
});

describe('applyWrite', () => {
  test('a put of a new entity', () => {
    const put = { ...base, kind: 'put', fields: { template_id: 't', a: 1 }, at: AT } as const;
    expect(applyWrite(put, undefined)).toEqual({ template_id: 't', a: 1, created_at: AT, updated_at: AT, version: 1 });
    const dated = { ...put, fields: { template_id: 't', created_at: '2026-01-01T00:00:00.000Z' } };
    expect(applyWrite(dated, undefined).created_at).toBe('2026-01-01T00:00:00.000Z');
  });

  test('a put over an entity keeps its created_at and nothing else', () => {
    const fields = { template_id: 't', created_at: '1999-01-01T00:00:00.000Z' };
    expect(applyWrite({ ...base, kind: 'put', fields, at: AT }, current)).toEqual({
      template_id: 't',
      created_at: current.created_at,
      updated_at: AT,
      version: 4,
    });
  });

  test('a patch sets and removes, and does not change the previous entity', () => {
    const before = structuredClone(current);
    const set = JSON.parse('{"__proto__":{"a":1},"image_id":"i"}');
    const after = applyWrite({ ...base, kind: 'patch', set, remove: ['name', 'never'], at: AT }, current);
    expect(Object.keys(after).toSorted()).toEqual(
      ['__proto__', 'created_at', 'image_id', 'template_id', 'updated_at', 'version'].toSorted(),
    );
    expect(after).toMatchObject({ updated_at: AT, version: 4, created_at: current.created_at });
    expect(Object.getPrototypeOf(after)).toBe(Object.prototype);
    expect(current).toEqual(before);
    const removed = applyWrite({ ...base, kind: 'patch', set: {}, remove: ['__proto__'], at: AT }, after);
    expect(Object.keys(removed)).not.toContain('__proto__');
  });
});
