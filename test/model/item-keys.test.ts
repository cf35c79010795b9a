import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeKey, encodeKey } from '../../lib/model/item-keys.ts';

describe('keys of items', () => {
  test.each(['status', '', 'a/b', 'ü 漢字 😀', 'Constructor', '_proto_', '%20'])('%s stays unchanged', (key) => {
    expect(encodeKey(key)).toBe(key);
    expect(decodeKey(key)).toBe(key);
  });

  test.each(['__proto__', 'constructor', 'toString', '"', '\\', '\n', '\u0001', 'a"b\\c', '\ue000', '\ue0000022'])(
    '%j is escaped',
    (key) => {
      const encoded = encodeKey(key);
      expect(JSON.stringify(encoded)).toBe(`"${encoded}"`);
      expect(encoded).not.toBe(key);
      expect(decodeKey(encoded)).toBe(key);
    },
  );

  test('every key is decoded to itself, and no two are encoded alike', () => {
    const special = fc.constantFrom('"', '\\', '\n', '\ue000', '0022', '__proto__', 'a');
    const keys = fc.oneof(
      fc.string({ unit: 'grapheme' }),
      fc.array(special).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(keys, keys, (a, b) => {
        expect(decodeKey(encodeKey(a))).toBe(a);
        expect(encodeKey(a) === encodeKey(b)).toBe(a === b);
        expect(JSON.stringify(encodeKey(a))).not.toMatch(/\\/);
      }),
    );
  });
});
