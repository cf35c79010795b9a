/** Decodes UTF-8 text strictly: Node's own decoding silently replaces invalid bytes by U+FFFD. */
import { isUtf8 } from 'node:buffer';

const NEWLINE = 0x0a;
const BYTE_ORDER_MARK = Buffer.from([0xef, 0xbb, 0xbf]);

/** Thrown for bytes that are not UTF-8. */
export class NotUtf8Error extends Error {
  /** Position of the first invalid byte, counted from 0. */
  readonly offset: number;
  /** Its line, counted from 1. */
  readonly line: number;

  constructor(bytes: Uint8Array, offset: number) {
    let line = 1;
    for (let at = bytes.indexOf(NEWLINE); at >= 0 && at < offset; at = bytes.indexOf(NEWLINE, at + 1)) line++;
    const byte = (bytes[offset] as number).toString(16).padStart(2, '0');
    super(`it is not UTF-8 text: byte ${offset} (0x${byte}, in line ${line}) is invalid at this position`);
    this.name = 'NotUtf8Error';
    this.offset = offset;
    this.line = line;
  }
}

/** Length in bytes of the character that begins with this byte; 0 if none can. */
const lengthAfter = (lead: number): number =>
  lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;

function firstInvalidByte(bytes: Uint8Array): number {
  let at = 0;
  while (at < bytes.length) {
    const length = lengthAfter(bytes[at] as number);
    if (length === 0 || (length > 1 && !isUtf8(bytes.subarray(at, at + length)))) break;
    at += length;
  }
  return at;
}

/**
 * The bytes of a text, without a byte order mark.
 * @throws NotUtf8Error with the position of the first invalid byte
 */
export function requireUtf8<B extends Uint8Array>(bytes: B): B {
  if (!isUtf8(bytes)) throw new NotUtf8Error(bytes, firstInvalidByte(bytes));
  const marked = BYTE_ORDER_MARK.every((byte, at) => bytes[at] === byte);
  return (marked ? bytes.subarray(BYTE_ORDER_MARK.length) : bytes) as B;
}

/**
 * Decodes bytes as text, without a byte order mark.
 * @throws NotUtf8Error with the position of the first invalid byte
 */
export const decodeUtf8 = (bytes: Uint8Array): string => Buffer.from(requireUtf8(bytes)).toString('utf8');
