/** What a backup says of itself. It is written last: without it, a backup was cut off. */
import * as z from 'zod';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { openSealed, sealedText } from './sealed-json.ts';

export const MANIFEST = 'manifest.json';
/** Version of the files' format. */
export const FORMAT_VERSION = 1;
/** Version of the collections: raised when what is stored changes its meaning. */
export const SCHEMA_VERSION = 1;

const part = z.object({
  /** Within the backup, such as `machines-00001.ndjson.gz`. */
  file: z.string().regex(/^[\w-][\w.-]*$/),
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

const FORMAT = {
  format: 'hostfactory-backup',
  versions: { format_version: FORMAT_VERSION, schema_version: SCHEMA_VERSION },
};

/** The text of a manifest, with its checksum. */
export const manifestText = (content: Omit<BackupManifest, 'checksum'>): string => sealedText(content);

/**
 * Reads a manifest.
 * @param name for messages
 * @throws DamagedBackupError, or NewerBackupError where a newer program wrote it
 */
export const parseManifest = (text: string, name: string): BackupManifest => openSealed(text, name, FORMAT, manifest);
