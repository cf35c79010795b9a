/** Turns the text of a data file into bytes and back. */
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createGzip, gunzip } from 'node:zlib';
import { requireUtf8 } from '../../model/utf8.ts';

export interface Serializer {
  /** The bytes of a file from the pieces of its text. */
  encode(pieces: AsyncIterable<string>): AsyncIterable<Uint8Array>;
}

export const plainSerializer: Serializer = {
  async *encode(pieces) {
    for await (const piece of pieces) yield Buffer.from(piece);
  },
};

export const gzipSerializer: Serializer = {
  encode: (pieces) => Readable.from(plainSerializer.encode(pieces), { objectMode: false }).pipe(createGzip()),
};

const unzip = promisify(gunzip);
const isGzip = (bytes: Uint8Array): boolean => bytes[0] === 0x1f && bytes[1] === 0x8b;

/**
 * The text of a file, plain or gzip, as UTF-8 without a byte order mark. The format is recognised by the first bytes, so that
 * `enable_compression` can be changed at any time. Not a string, which cannot exceed 512 MB.
 * @throws Error if the bytes are neither
 */
export async function decodeText(bytes: Buffer): Promise<Buffer> {
  const text = isGzip(bytes) ? await unzip(bytes) : bytes;
  return requireUtf8(text);
}
