/** What is said of a backup: to people, and as JSON to programs. */
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Location } from '../objects/location.ts';
import { compareByTime, type ListedBackup, listBackups, timeOf } from './list-backups.ts';
import type { BackupManifest } from './manifest.ts';
import { type ListedNative, listNativeBackups } from './native-backups.ts';

export interface BackupSummary {
  readonly id: string;
  readonly kind: 'portable' | 'native';
  readonly state: 'complete' | 'incomplete' | 'damaged' | 'newer';
  /** When reading the store began; of one that cannot be read, when it was last written. */
  readonly created_at: string;
  readonly finished_at?: string;
  readonly bytes: number;
  readonly source?: { readonly store: string; readonly place: string };
  /** Whether it shows the store as it was at one moment. */
  readonly consistent?: boolean;
  /** How many of each collection; portable ones know. */
  readonly entities?: Readonly<Record<CollectionName, number>>;
  /** Why it is not complete. */
  readonly reason?: string;
}

export const entityCounts = ({ collections }: BackupManifest): Record<CollectionName, number> =>
  Object.fromEntries(collectionNames.map((name) => [name, collections[name].entities])) as Record<
    CollectionName,
    number
  >;

const isPortable = (manifest: object): manifest is BackupManifest => 'collections' in manifest;

export function summaryOf(backup: ListedBackup | ListedNative, kind: BackupSummary['kind']): BackupSummary {
  const { id, state, bytes } = backup;
  const common = { id, kind, state, created_at: timeOf(backup), bytes };
  if (backup.state !== 'complete') return { ...common, reason: backup.reason };
  const { finished_at, source, consistent } = backup.manifest;
  const known = { ...common, finished_at, source, consistent };
  return isPortable(backup.manifest) ? { ...known, entities: entityCounts(backup.manifest) } : known;
}

/** All backups of a location, portable and native, the oldest first. */
export async function summariesOf(location: Location): Promise<BackupSummary[]> {
  const [portable, native] = [await listBackups(location), await listNativeBackups(location)];
  return [
    ...portable.map((backup) => ({ backup, summary: summaryOf(backup, 'portable') })),
    ...native.map((backup) => ({ backup, summary: summaryOf(backup, 'native') })),
  ]
    .sort((a, b) => compareByTime(a.backup, b.backup))
    .map(({ summary }) => summary);
}
