import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseJson } from '../../lib/model/parse-json.ts';
import { anyCharacter } from '../any-character.ts';

// Keys that share beginnings with one another's escapes, which is what V8 mixes up.
const key = fc.oneof(
  fc.constantFrom(
    '\\',
    '"',
    '\n',
    '\t',
    '\\n',
    '\\"',
    'a\\',
    'a"',
    'a\n',
    'a',
    '__proto__',
    '',
    '\u2028',
    '"\\"',
    ': {',
  ),
  fc.string({ unit: anyCharacter }),
);
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small' },
    fc.oneof(
      fc.string({ unit: anyCharacter }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(key, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
  ),
}));

/** JSON text with white space wherever it is allowed. */
function spaced(json: unknown): string {
  if (Array.isArray(json)) return `[ ${json.map(spaced).join(' ,\n')}\t]`;
  if (typeof json !== 'object' || json === null) return JSON.stringify(json);
  return `{ ${Object.entries(json)
    .map(([name, member]) => `${JSON.stringify(name)} :\r\n${spaced(member)}`)
    .join(' , ')} }`;
}

/** Keys and values as text, without reading anything back by `JSON.parse`. */
const shown = (json: unknown): string => JSON.stringify(json);

describe('parseJson', () => {
  test('reads keys with escapes correctly, regardless of earlier texts (nodejs/node#63785)', () => {
    parseJson('{"h":[],"\\\\":0}');
    expect(Object.keys(parseJson('{"h":1,"\\"":2}') as object)).toEqual(['h', '"']);
    expect(Object.keys(parseJson('{"h":1,"\\n":2}') as object)).toEqual(['h', '\n']);
    expect(Object.keys(parseJson(' { "h" : [ ] , "\\t" : { "\\"" : [ 1 , { } ] } } ') as object)).toEqual(['h', '\t']);
  });

  test('reads back what JSON.stringify wrote, compact and spaced', () => {
    fc.assert(
      fc.property(value, (json) => {
        const text = shown(json);
        expect(shown(parseJson(text))).toBe(text);
        expect(shown(parseJson(spaced(json)))).toBe(text);
      }),
      { numRuns: 2000 },
    );
  });

  test('refuses what JSON.parse refuses', () => {
    for (const text of ['', '{', '{"\\n":}', '{"\\x":1}', '[1,]', '{"a":1,}', 'nul', '{"\\n" 1}']) {
      expect(() => parseJson(text)).toThrow(SyntaxError);
    }
  });

  test('of a repeated member the last one counts; __proto__ is a plain member; numbers may be long', () => {
    expect(parseJson('{"\\n":1,"a":1,"\\n":2}')).toEqual({ '\n': 2, a: 1 });
    expect(Object.hasOwn(parseJson('{"__proto__":1,"\\n":2}') as object, '__proto__')).toBe(true);
    expect(parseJson(`{"\\n":${'1'.repeat(500)}e-490}`)).toEqual({ '\n': Number(`${'1'.repeat(500)}e-490`) });
  });

  test('takes time in proportion to the text', () => {
    const many = `[${'"x",'.repeat(300_000)}"\\n"]`;
    const quotes = JSON.stringify({ a: '"'.repeat(500_000), b: 1 });
    expect((parseJson(many) as string[]).length).toBe(300_001);
    expect(parseJson(quotes)).toMatchObject({ b: 1 });
  });
});
