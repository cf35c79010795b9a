import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { canonicalJson } from '../../lib/model/canonical-json.ts';
import { parseJson } from '../../lib/model/parse-json.ts';

describe('canonical JSON', () => {
  const cases: readonly [string, unknown, string][] = [
    ['members in order, without spaces', { b: 1, a: { d: [1, 2], c: null } }, '{"a":{"c":null,"d":[1,2]},"b":1}'],
    // RFC 8785, 3.2.3: by UTF-16 code units, so that U+1F600 (D83D DE00) comes before U+FB33.
    [
      'names by UTF-16 code units',
      { '\u20ac': 1, '\r': 2, '\ufb33': 3, '1': 4, '😀': 5, '\u0080': 6, '\u00f6': 7 },
      '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"😀":5,"\ufb33":3}',
    ],
    [
      'names like indexes as the texts they are',
      { 10: 'a', 9: 'b', 1: 'c', '01': 'd' },
      '{"01":"d","1":"c","10":"a","9":"b"}',
    ],
    [
      // RFC 8785, 3.2.2.
      'numbers as JavaScript writes them',
      [333333333.3333333, 1e30, 4.5, 2e-3, 1e-27, 100, 1.0, -0, 2 ** 53 - 1],
      '[333333333.3333333,1e+30,4.5,0.002,1e-27,100,1,0,9007199254740991]',
    ],
    ['texts with as few escapes as may be', '\u20ac$\u000f\nA\'B"\\\\"/', '"\u20ac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'],
    ['empty things', [{}, [], ''], '[{},[],""]'],
    ['what is undefined is absent', { a: undefined, b: 1 }, '{"b":1}'],
    ['a name __proto__', JSON.parse('{"z":1,"__proto__":{"b":1,"a":2}}'), '{"__proto__":{"a":2,"b":1},"z":1}'],
    ['literals', [null, true, false], '[null,true,false]'],
  ];
  test.each(cases)('%s', (_, value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  test('any value: it is that value as JSON, whatever the order of the members', () => {
    const shuffled = (value: unknown): unknown => {
      if (Array.isArray(value)) return value.map(shuffled);
      if (typeof value !== 'object' || value === null) return value;
      const reversed: [string, unknown][] = Object.entries(value).reverse();
      return Object.fromEntries(reversed.map(([name, member]) => [name, shuffled(member)]));
    };
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(parseJson(canonicalJson(plain))).toEqual(plain);
        expect(canonicalJson(shuffled(plain))).toBe(canonicalJson(plain));
      }),
    );
  });
});
