/** What a backup says of itself. It is written last: without it, a backup was cut off. */
import { hash } from 'node:crypto';
import { z } from 'zod';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { parseJson } from '../model/parse-json.ts';
import { BackupError } from '../repository/errors.ts';

export const MANIFEST = 'manifest.json';
/** Version of the files' format. */
export const FORMAT_VERSION = 1;
/** Version of the collections: raised when what is stored changes its meaning. */
export const SCHEMA_VERSION = 1;

const part = z.object({
  /** Within the backup, such as `machines-00001.ndjson.gz`. */
  file: z.string(),
  entities: z.int(),
  /** Of the file. */
  bytes: z.int(),
  /** Of the file. */
  sha256: z.string(),
});

const collection = z.object({
  entities: z.int(),
  /** Of all entities, whatever their order: see `ContentDigest`. */
  digest: z.string(),
  parts: z.array(part),
});

const manifest = z.object({
  format: z.literal('hostfactory-backup'),
  format_version: z.int(),
  schema_version: z.int(),
  id: z.string(),
  /** When reading began and ended. */
  created_at: z.string(),
  finished_at: z.string(),
  source: z.object({ store: z.string(), place: z.string() }),
  /** Whether it shows the store as it was at one moment. */
  consistent: z.boolean(),
  collections: z.object(Object.fromEntries(collectionNames.map((name) => [name, collection])) as CollectionShapes),
  /** SHA-256 of the canonical JSON of all the rest. */
  checksum: z.string(),
});

type CollectionShapes = { readonly [C in CollectionName]: typeof collection };

export type BackupManifest = z.output<typeof manifest>;
export type BackupPart = z.output<typeof part>;

const checksumOf = (content: object): string =>
  hash('sha256', canonicalJson({ ...content, checksum: undefined }), 'hex');

/** The text of a manifest, with its checksum. */
export function manifestText(content: Omit<BackupManifest, 'checksum'>): string {
  return `${JSON.stringify({ ...content, checksum: checksumOf(content) }, null, 2)}\n`;
}

function parsed(text: string, name: string): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw new BackupError(`${name} is damaged: it is not JSON. Choose another backup.`, { cause });
  }
}

/**
 * Reads a manifest.
 * @param name for messages
 * @throws BackupError where it is damaged, or of a newer program
 */
export function parseManifest(text: string, name: string): BackupManifest {
  const value = parsed(text, name);
  const { format, format_version = 0, schema_version = 0 } = (value ?? {}) as Partial<BackupManifest>;
  if (format === 'hostfactory-backup' && (format_version > FORMAT_VERSION || schema_version > SCHEMA_VERSION)) {
    throw new BackupError(`${name} was written by a newer version of this program. Restore it with that version.`);
  }
  const result = manifest.safeParse(value);
  if (!result.success || result.data.checksum !== checksumOf(value as object)) {
    throw new BackupError(`${name} is damaged: it does not have its own checksum. Choose another backup.`);
  }
  return result.data;
}
