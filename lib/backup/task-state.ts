/**
 * What tasks know of each other when each runs in a process of its own: small JSON objects in a location, by the work that
 * they are part of. Whoever orders the tasks carries ids only.
 */
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { parseJson } from '../model/parse-json.ts';
import type { Capabilities } from '../repository/storage-strategy.ts';
import { type BackupLocation, readText } from './backup-location.ts';

export class TaskState {
  readonly location: BackupLocation;
  readonly folder: string;

  /** @param folder of all that belongs to one piece of work, such as `migrations/m-1` */
  constructor(location: BackupLocation, folder: string) {
    this.location = location;
    this.folder = folder;
  }

  async read<T>(name: string): Promise<T | undefined> {
    const text = await readText(this.location, `${this.folder}/${name}.json`);
    return text === undefined ? undefined : (parseJson(text) as T);
  }

  async write(name: string, value: unknown): Promise<void> {
    await this.location.write(`${this.folder}/${name}.json`, Buffer.from(JSON.stringify(value)));
  }

  /** Forgets everything. */
  async clear(): Promise<void> {
    const objects = await this.location.listDeep(this.folder);
    await this.location.remove(objects.map(({ name }) => name));
  }
}

/** A part of a collection that one task deals with. */
export interface Unit {
  readonly collection: CollectionName;
  readonly segment: number;
  readonly segments: number;
}

/** The units of a collection: several where a store is quicker when they are read at the same time. */
export const unitsOf = (
  { parallelScans }: Pick<Capabilities, 'parallelScans'>,
  collection: CollectionName,
  most: number,
): Unit[] => {
  const segments = parallelScans ? most : 1;
  return Array.from({ length: segments }, (_, segment) => ({ collection, segment, segments }));
};

export const allUnits = (capabilities: Pick<Capabilities, 'parallelScans'>, most: number): Unit[] =>
  collectionNames.flatMap((collection) => unitsOf(capabilities, collection, most));

export const unitName = (phase: string, { collection, segment }: Unit): string => `${phase}/${collection}-${segment}`;
