import { now } from '../model/timestamps.ts';
import type { BackupLocation } from './backup-location.ts';
import {
  type BackupManifest,
  FORMAT_VERSION,
  MANIFEST,
  manifestText,
  parseManifest,
  SCHEMA_VERSION,
} from './manifest.ts';

/** What only the maker of a backup knows. */
export type BackupContent = Pick<BackupManifest, 'id' | 'created_at' | 'source' | 'consistent' | 'collections'>;

/** Writes the manifest, once all parts are stored: what makes a backup of them. */
export async function sealBackup(location: BackupLocation, content: BackupContent): Promise<BackupManifest> {
  const text = manifestText({
    format: 'hostfactory-backup',
    format_version: FORMAT_VERSION,
    schema_version: SCHEMA_VERSION,
    ...content,
    finished_at: now(),
  });
  await location.write(`${content.id}/${MANIFEST}`, Buffer.from(text));
  return parseManifest(text, content.id);
}
