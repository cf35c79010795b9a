/**
 * Encodes keys of objects for DynamoDB items. The AWS SDK may return a key with a character that JSON escapes as another
 * key, since it uses JSON.parse, which has a bug (decision 0011); and it fails on keys that every object inherits, such as
 * `constructor`. In such keys, which are rare, each such character, or the first character of an inherited key, is written
 * as U+E000 and four hexadecimal digits.
 */
const SIGN = '\ue000';
const UNSAFE = /["\\\p{Cc}\ue000\ue001]/u;
const EACH_UNSAFE = new RegExp(UNSAFE.source, 'gu');
const EACH_ESCAPE = /\ue000([0-9a-f]{4})/g;

const escaped = (character: string): string => SIGN + character.charCodeAt(0).toString(16).padStart(4, '0');

/** The key in the form in which an item holds it. */
export function encodeKey(key: string): string {
  if (Object.hasOwn(Object.prototype, key)) return escaped(key.slice(0, 1)) + key.slice(1);
  return UNSAFE.test(key) ? key.replace(EACH_UNSAFE, escaped) : key;
}

/** The original key of one that an item holds. */
export const decodeKey = (key: string): string =>
  key.includes(SIGN)
    ? key.replace(EACH_ESCAPE, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    : key;
