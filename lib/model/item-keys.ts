/**
 * Keys of objects as DynamoDB items hold them. A key with a character that JSON escapes can come back as another one: the
 * AWS SDK parses answers with JSON.parse, which has a bug there (decision 0011); and it loses the key `__proto__`. Such
 * keys, which are rare, are written with each such character as U+E000 and four hexadecimal digits.
 */
const SIGN = '\ue000';
const UNSAFE = /["\\\p{Cc}\ue000]/u;
const EACH_UNSAFE = new RegExp(UNSAFE.source, 'gu');
const EACH_ESCAPE = /\ue000([0-9a-f]{4})/g;

const escaped = (character: string): string => SIGN + character.charCodeAt(0).toString(16).padStart(4, '0');

/** The key as an item holds it. */
export function encodeKey(key: string): string {
  if (key === '__proto__') return `${escaped('_')}_proto__`;
  return UNSAFE.test(key) ? key.replace(EACH_UNSAFE, escaped) : key;
}

/** The key that an item holds. */
export const decodeKey = (key: string): string =>
  key.includes(SIGN)
    ? key.replace(EACH_ESCAPE, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)))
    : key;
