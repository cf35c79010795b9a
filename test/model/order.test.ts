import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { compareScalars, compareUtf8 } from '../../lib/model/order.ts';
import { anyCharacter } from '../any-character.ts';

const text = fc.string({ unit: anyCharacter, maxLength: 5 });

describe('compareUtf8', () => {
  test('is the order of UTF-8 bytes', () => {
    fc.assert(
      fc.property(text, text, (a, b) => {
        expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { numRuns: 2000 },
    );
  });

  test.each([
    ['\uff5e', '😀'],
    ['\uffff', '\u{10000}'],
    ['\ud7ff', '\ue000'],
    ['\ud7ff', '😀'],
    ['a', 'ab'],
    ['', 'a'],
    ['B', 'a'],
    ['10', '9'],
    ['a\uff5e', 'a😀'],
    ['😀a', '😀b'],
  ])('%j comes before %j', (a, b) => {
    expect(compareUtf8(a, b)).toBeLessThan(0);
    expect(compareUtf8(b, a)).toBeGreaterThan(0);
    expect(compareUtf8(a, a)).toBe(0);
  });
});

describe('compareScalars', () => {
  test('numbers by value, before texts', () => {
    expect([10, '1', 9, 'a', -1, '😀', '\uff5e'].toSorted(compareScalars)).toEqual([
      -1,
      9,
      10,
      '1',
      'a',
      '\uff5e',
      '😀',
    ]);
  });

  test('is a total order', () => {
    const scalar = fc.oneof(text, fc.integer({ min: -3, max: 3 }));
    fc.assert(
      fc.property(scalar, scalar, scalar, (a, b, c) => {
        expect(Math.sign(compareScalars(a, b))).toBe(0 - Math.sign(compareScalars(b, a)));
        if (compareScalars(a, b) <= 0 && compareScalars(b, c) <= 0) {
          expect(compareScalars(a, c)).toBeLessThanOrEqual(0);
        }
      }),
      { numRuns: 1000 },
    );
  });
});
