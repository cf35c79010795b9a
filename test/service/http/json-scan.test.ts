import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { jsonTextProblem } from '../../../lib/service/http/json-scan.ts';

describe('jsonTextProblem', () => {
  test.each([
    '{"a":1,"a":2}',
    '{"a":{"a":1},"a":2}',
    '{"a":[],"b":"a","a":2}',
    '{"a":"{\\"a\\":1}","a":2}',
    '{"\\\\":1,"\\\\":2}',
    '{"a\\"":1,"a\\"":2}',
    '{"\\u0061":1,"a":2}',
    '{"":1,"":2}',
    '{"__proto__":1,"__proto__":2}',
    '[[{"x":{"k":1 , "j" : 2,"k"\n:3}}]]',
  ])('finds the duplicate name in %s', (text) => {
    expect(jsonTextProblem(text)).toMatch(/twice in one object/);
  });

  test.each([
    '{"a":1,"b":"a","c":["a","a"],"d":{"a":1}}',
    '{"a":",\\"a\\":"}',
    '[{"a":1},{"a":1}]',
    '{"a":"\\\\","b":1}',
    '["a","a"]',
    '"a"',
    '',
  ])('finds nothing in %s', (text) => {
    expect(jsonTextProblem(text)).toBeUndefined();
  });

  test('allows 100 levels', () => {
    expect(jsonTextProblem(`${'['.repeat(100)}${']'.repeat(100)}`)).toBeUndefined();
    expect(jsonTextProblem(`${'['.repeat(101)}${']'.repeat(101)}`)).toMatch(/deeper than 100/);
  });

  test('finds nothing in the output of JSON.stringify', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(jsonTextProblem(text)).toBeUndefined();
      }),
    );
  });

  test('never throws, whatever the text', () => {
    const characters = fc.constantFrom(...'{}[]",:\\ua1');
    fc.assert(
      fc.property(fc.string({ unit: characters, maxLength: 40 }), (text) => {
        jsonTextProblem(text);
      }),
    );
  });
});
