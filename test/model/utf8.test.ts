import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { decodeUtf8, NotUtf8Error } from '../../lib/model/utf8.ts';
import { anyCharacter } from '../any-character.ts';

const failureOf = (bytes: Uint8Array): NotUtf8Error => {
  try {
    decodeUtf8(bytes);
  } catch (error) {
    return error as NotUtf8Error;
  }
  throw new Error('It was decoded.');
};

describe('text in UTF-8', () => {
  test('is decoded to the original text', () => {
    fc.assert(
      fc.property(fc.string({ unit: anyCharacter }), (text) => {
        expect(decodeUtf8(Buffer.from(text))).toBe(
          Buffer.from(text)
            .toString()
            .replace(/^\ufeff/, ''),
        );
      }),
    );
  });

  test('loses only a byte order mark at its beginning', () => {
    expect(decodeUtf8(Buffer.from('\ufeff{"a":"\ufeff"}'))).toBe('{"a":"\ufeff"}');
    expect(decodeUtf8(Buffer.from('\ufeff'))).toBe('');
  });

  test.each([
    ['Latin-1', [0x61, 0x0a, 0xe9, 0x62], 2, 2],
    ['a continuation without a beginning', [0x61, 0x80], 1, 1],
    ['a character that is cut off', [0xc3, 0xa4, 0xe6, 0xbc], 2, 1],
    ['an overlong form', [0xc0, 0x80], 0, 1],
    ['a surrogate', [0x0a, 0x0a, 0xed, 0xa0, 0x80], 2, 3],
    ['beyond Unicode', [0xf4, 0x90, 0x80, 0x80], 0, 1],
    ['a byte that stands nowhere', [0xf0, 0x9f, 0x98, 0x80, 0xff], 4, 1],
  ])('is refused with the position of the first invalid byte: %s', (_, bytes, offset, line) => {
    const error = failureOf(Uint8Array.from(bytes));
    expect(error).toBeInstanceOf(NotUtf8Error);
    expect({ offset: error.offset, line: error.line }).toEqual({ offset, line });
    expect(error.message).toContain(`byte ${offset} (0x${bytes[offset]?.toString(16)}, in line ${line})`);
  });

  test('is refused exactly where a strict decoder refuses it', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 12 }), (bytes) => {
        const strict = (part: Uint8Array, stream: boolean): string | undefined => {
          try {
            return new TextDecoder('utf-8', { fatal: true }).decode(part, { stream });
          } catch {
            return undefined;
          }
        };
        const text = strict(bytes, false);
        if (text !== undefined) return expect(decodeUtf8(bytes)).toBe(text);
        const { offset } = failureOf(bytes);
        expect(strict(bytes.subarray(0, offset), false)).toBeDefined();
        return expect(strict(bytes.subarray(offset), false)).toBeUndefined();
      }),
      { numRuns: 2000 },
    );
  });
});
