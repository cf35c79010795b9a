import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { childPath, cloneJson, isPlainObject, JsonCopier, setOwn } from '../../lib/model/json-values.ts';
import { anyCharacter } from '../any-character.ts';

describe('childPath', () => {
  test.each([
    ['', 'name', 'name'],
    ['attributes', 'disks', 'attributes.disks'],
    ['attributes.disks', 2, 'attributes.disks[2]'],
    ['', 'a.b', '["a.b"]'],
    ['x', 'with space', 'x["with space"]'],
    ['x', '"', 'x["\\""]'],
    ['x', '', 'x[""]'],
    ['x', '漢字', 'x.漢字'],
    ['', '__proto__', '__proto__'],
  ] as const)('%j and %j make %j', (path, key, expected) => {
    expect(childPath(path, key)).toBe(expected);
  });
});

describe('isPlainObject', () => {
  test.each([[{}], [Object.create(null)], [JSON.parse('{"__proto__":1}')]])('%p is', (value) => {
    expect(isPlainObject(value)).toBe(true);
  });
  test.each([[null], [undefined], [[]], ['x'], [new Date()], [new Map()], [new (class Entity {})()], [() => 1]])(
    '%p is not',
    (value) => {
      expect(isPlainObject(value)).toBe(false);
    },
  );
});

describe('setOwn', () => {
  test('sets __proto__ like any other field', () => {
    const target: Record<string, unknown> = {};
    setOwn(target, '__proto__', { polluted: true });
    setOwn(target, 'constructor', 1);
    expect(Object.keys(target)).toEqual(['__proto__', 'constructor']);
    expect(Object.getPrototypeOf(target)).toBe(Object.prototype);
    expect('polluted' in target).toBe(false);
  });
});

describe('JsonCopier and cloneJson', () => {
  test('copies are equal and share nothing', () => {
    fc.assert(
      fc.property(fc.jsonValue({ stringUnit: anyCharacter }), (value) => {
        const plain = JSON.parse(JSON.stringify(value));
        const copier = new JsonCopier();
        const copy = copier.copy(plain, 'v');
        if (copier.problems.length > 0) return;
        for (const one of [copy, cloneJson(plain)]) {
          expect(JSON.stringify(one)).toBe(JSON.stringify(plain));
          if (typeof plain === 'object' && plain !== null) expect(one).not.toBe(plain);
        }
      }),
    );
  });

  test('the size bound is never below the true size', () => {
    const key = fc.string({ unit: anyCharacter, minLength: 1, maxLength: 8 });
    const value = fc.dictionary(key, fc.jsonValue({ stringUnit: anyCharacter }), { noNullPrototype: true });
    fc.assert(
      fc.property(value, (object) => {
        const copier = new JsonCopier();
        const copy = copier.copy(object, '');
        if (copier.problems.length > 0) return;
        expect(copier.sizeBound).toBeGreaterThanOrEqual(Buffer.byteLength(JSON.stringify(copy)));
      }),
      { numRuns: 500 },
    );
  });

  test('every problem is reported, each with its path, and the rest is still copied', () => {
    const copier = new JsonCopier();
    const copy = copier.copy({ a: [1, Number.NaN, '\ud800'], b: { c: 2 ** 60, '': 1 }, d: undefined, e: 'ok' }, 'x');
    expect(copy).toEqual({ a: [1], b: {}, e: 'ok' });
    expect(copier.problems.map(({ path }) => path)).toEqual(['x.a[1]', 'x.a[2]', 'x.b.c', 'x.b[""]']);
    for (const { message } of copier.problems) expect(message).toMatch(/^[a-z].*[^.]$/);
  });

  test('a structure that contains itself ends at the nesting limit', () => {
    const loop: unknown[] = [];
    loop.push(loop);
    const copier = new JsonCopier();
    copier.copy(loop, 'loop');
    expect(copier.problems.map(({ message }) => message)).toEqual(['is nested deeper than 32 levels']);
  });
});
