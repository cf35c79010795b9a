import { expect, test } from '@jest/globals';
import { JsonTextError, parseJsonText } from '../../lib/config/json-text.ts';

test.each(['{}', ' [1, -2.5e+3, "a\\u00e9\\n", null, true, false, {"a": {"b": []}}] ', '"x"', '0', '"\u007f\u0085"'])(
  'reads %j as JSON.parse does',
  (text) => {
    expect(parseJsonText(text)).toEqual(JSON.parse(text));
  },
);

test('a byte order mark is ignored', () => {
  expect(parseJsonText('\ufeff{"a":1}')).toEqual({ a: 1 });
  expect(() => parseJsonText('\ufeff{,')).toThrow('line 1, column 2');
});

const string = 'this string is not closed, has a line break or another control character, or a wrong escape';

test.each([
  ['', 1, 1, 'expected a value, found the end'],
  ['{\n  "a": 1,\n}', 3, 1, 'expected a name in double quotes, found "}"'],
  ['{\n  "a": 1\n  "b": 2\n}', 3, 3, `expected ',' or '}', found "\\""`],
  ['{"a" 1}', 1, 6, `expected ':', found "1"`],
  ['{"a": }', 1, 7, 'expected a value, found "}"'],
  ['{a: 1}', 1, 2, `expected a name in double quotes or '}', found "a"`],
  ["{'a': 1}", 1, 2, `expected a name in double quotes or '}', found "'"`],
  ['[1,]', 1, 4, 'expected a value, found "]"'],
  ['[1 2]', 1, 4, `expected ',' or ']', found "2"`],
  ['[', 1, 2, `expected a value or ']', found the end`],
  ['[}', 1, 2, `expected a value or ']', found "}"`],
  ['{"a": [1}', 1, 9, `expected ',' or ']', found "}"`],
  ['{"a": tru}', 1, 7, 'expected a value, found "t"'],
  ['{"a": 01}', 1, 7, 'expected a value, found "0"'],
  ['{"a": 1} x', 1, 10, 'expected nothing after the value, found "x"'],
  ['// hello\n{}', 1, 1, 'expected a value, found "/"'],
  ['{"a": "b\nc"}', 1, 7, string],
  ['{"a": "b', 1, 7, string],
  ['{"a\\x": 1}', 1, 2, string],
])('%j is broken at line %i, column %i', (text, line, column, reason) => {
  expect(() => parseJsonText(text)).toThrow(
    expect.objectContaining({ line, column, message: `line ${line}, column ${column}: ${reason}` }),
  );
});

test('the error of a long text is found without recursion', () => {
  const text = `[${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  expect(() => parseJsonText(text)).toThrow(JsonTextError);
});
