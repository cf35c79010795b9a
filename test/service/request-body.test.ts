import { expect, test } from '@jest/globals';
import { parseBody } from '../../lib/service/http/request-body.ts';

const headers = new Map([['content-type', ['application/json']]]);

test('a leading byte order mark is not part of a body, in text and in bytes', () => {
  expect(parseBody('\ufeff{"a":"\ufeff"}', headers)).toEqual({ a: '\ufeff' });
  expect(parseBody(Buffer.from('\ufeff{"a":1}'), headers)).toEqual({ a: 1 });
});

test('bytes that are not UTF-8 are refused with their position', () => {
  const body = Buffer.from('{"a":\n"\u00fc"}', 'latin1');
  expect(() => parseBody(body, headers)).toThrow(
    'The body cannot be read: it is not UTF-8 text: byte 7 (0xfc, in line 2) is invalid at this position.',
  );
});
