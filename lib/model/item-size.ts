/** The size of an entity as a DynamoDB item: the lowest limit of all stores. */
import { encodeKey } from './item-keys.ts';
import { isPlainObject } from './json-values.ts';

/**
 * Bytes of a JSON value in a DynamoDB item. Source: Amazon DynamoDB Developer Guide, "DynamoDB item sizes and formats":
 * strings as UTF-8; numbers one byte per two significant digits plus one; booleans and null one; lists and maps three plus
 * one per element. A negative number takes one more, and zero a single byte (measured on DynamoDB Local).
 */
function valueBytes(value: unknown): number {
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (typeof value === 'number') return numberBytes(value);
  if (Array.isArray(value)) return value.reduce((sum: number, item) => sum + 1 + valueBytes(item), 3);
  if (isPlainObject(value)) return 3 + membersBytes(value) + Object.keys(value).length;
  return 1;
}

/** Digits are counted in pairs from the decimal point, so that 12 is one pair and 123 two. */
function numberBytes(number: number): number {
  if (number === 0) return 1;
  const [digits, exponent] = Math.abs(number).toExponential().split('e') as [string, string];
  const significant = digits.replace('.', '').length + (Number(exponent) % 2 === 0 ? 1 : 0);
  return Math.ceil(significant / 2) + 1 + (number < 0 ? 1 : 0);
}

function membersBytes(members: Readonly<Record<string, unknown>>): number {
  let sum = 0;
  for (const name of Object.keys(members)) sum += Buffer.byteLength(encodeKey(name)) + valueBytes(members[name]);
  return sum;
}

/** Bytes of an entity as a DynamoDB item. */
export const itemBytes = (entity: Readonly<Record<string, unknown>>): number => membersBytes(entity);
