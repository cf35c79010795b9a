/** JSON that says of itself whether it is whole: manifests. */
import { hash } from 'node:crypto';
import type * as z from 'zod';
import { canonicalJson } from '../model/canonical-json.ts';
import { parseJson } from '../model/parse-json.ts';
import { DamagedBackupError, NewerBackupError } from './damage.ts';

/** Kind and version of a file, as it says itself. */
export interface Format {
  readonly format: string;
  /** The newest versions that this program reads, by the name of their field. */
  readonly versions: Readonly<Record<string, number>>;
}

const checksumOf = (content: object): string =>
  hash('sha256', canonicalJson({ ...content, checksum: undefined }), 'hex');

/** The text of some content, with the SHA-256 of its canonical JSON as `checksum`. */
export const sealedText = (content: object): string =>
  `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`;

function parsed(text: string, name: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new DamagedBackupError(`${name} is damaged: it is not JSON. Choose another backup.`, { cause });
  }
}

/**
 * Reads what `sealedText` wrote.
 * @param name for messages
 * @throws DamagedBackupError, NewerBackupError
 */
export function openSealed<S extends z.ZodType>(text: string, name: string, { format, versions }: Format, schema: S) {
  const value = parsed(text, name);
  const content = (typeof value === 'object' && value !== null ? value : {}) as Readonly<Record<string, unknown>>;
  const isNewer = Object.entries(versions).some(([field, known]) => Number(content[field]) > known);
  if (content.format === format && isNewer) {
    throw new NewerBackupError(`${name} was written by a newer version of this program. Restore it with that version.`);
  }
  const result = schema.safeParse(value);
  if (!result.success || content.checksum !== checksumOf(content)) {
    throw new DamagedBackupError(`${name} is damaged: it does not have its own checksum. Choose another backup.`);
  }
  return result.data;
}
