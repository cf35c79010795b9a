/**
 * A backup as tasks that run in processes of their own, each for a limited time: what AWS Step Functions orders. A store that
 * can show one moment is backed up by one task; any other in units, by as many tasks as it takes.
 */
import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { now } from '../model/timestamps.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { StorageStrategy } from '../repository/storage-strategy.ts';
import { ContentDigest, type DigestData } from '../transfer/content-digest.ts';
import { retryingStore } from '../transfer/retrying-store.ts';
import { requireAllDeclared } from '../transfer/undeclared-columns.ts';
import { requireBackupId } from './backup-id.ts';
import { type BackupLocation, readText } from './backup-location.ts';
import { createBackup } from './create-backup.ts';
import { type BackupManifest, type BackupPart, MANIFEST, parseManifest } from './manifest.ts';
import { resultOf, runUnit } from './run-unit.ts';
import { sealBackup } from './seal-backup.ts';
import { allUnits, TaskState, type Unit, unitsOf } from './task-state.ts';

const gzip = promisify(gzipWithCallback);

/** Entities of one part. */
const PART_ENTITIES = 5_000;
/** Units of a collection. */
const UNITS = 4;

interface Written {
  readonly digest: DigestData;
  readonly parts: readonly BackupPart[];
}

/** What the orchestration has to decide by. */
export interface BackupOrders {
  /** Whether the backup is there already. */
  readonly done: boolean;
  readonly whole: boolean;
  readonly units: readonly Unit[];
}

interface Begun {
  readonly created_at: string;
}

export interface BackupTasksParts {
  readonly id: string;
  readonly strategy: StorageStrategy;
  /** Where the store is, for people. */
  readonly place: string;
  /** Where backups are kept. */
  readonly location: BackupLocation;
  /** Where the tasks leave what they know. */
  readonly states: BackupLocation;
  /** Milliseconds that this process may still run. */
  readonly timeLeft: () => number;
}

export class BackupTasks {
  readonly #parts: BackupTasksParts;
  readonly #state: TaskState;

  constructor(parts: BackupTasksParts) {
    this.#parts = parts;
    this.#state = new TaskState(parts.states, `backups/${parts.id}`);
  }

  /** Divides the work. No units: `takeWhole` does it all. A backup that was finished before is not taken again. */
  async begin(): Promise<BackupOrders> {
    const { id, location, strategy, place } = this.#parts;
    requireBackupId(id);
    if ((await readText(location, `${id}/${MANIFEST}`)) !== undefined) return { done: true, whole: false, units: [] };
    await requireAllDeclared(strategy, place);
    const { capabilities } = strategy;
    if (capabilities.snapshotReads) return { done: false, whole: true, units: [] };
    if ((await this.#state.read('begun')) === undefined) await this.#state.write('begun', { created_at: now() });
    return { done: false, whole: false, units: allUnits(capabilities, UNITS) };
  }

  /** Backs up a store that can show one moment. @throws BackupError */
  async takeWhole(): Promise<BackupManifest> {
    const { id, strategy, place, location } = this.#parts;
    return createBackup(strategy, { id, place, location });
  }

  /** Writes the parts of a unit. */
  async backUpUnit(unit: Unit): Promise<{ done: boolean }> {
    return runUnit<Written, Written>(this.#state, {
      phase: 'unit',
      unit,
      scanner: retryingStore(this.#parts.strategy),
      limit: PART_ENTITIES,
      workers: 2,
      nothing: { digest: new ContentDigest().toJSON(), parts: [] },
      work: (items) => this.#writePart(unit.collection, items),
      sum: (result, page) => ({
        digest: mergedDigest([result, page]).toJSON(),
        parts: [...result.parts, ...page.parts],
      }),
      timeLeft: this.#parts.timeLeft,
    });
  }

  /** Writes the manifest, which makes a backup of the parts. */
  async finish(): Promise<BackupManifest> {
    const { id, strategy, place, location } = this.#parts;
    // A call whose answer was lost comes again, after the state was cleared.
    const finished = await readText(location, `${id}/${MANIFEST}`);
    if (finished !== undefined) return parseManifest(finished, id);
    const begun = await this.#state.read<Begun>('begun');
    const collections: Partial<BackupManifest['collections']> = {};
    for (const collection of collectionNames) {
      const units = unitsOf(strategy.capabilities, collection, UNITS);
      const written = await Promise.all(units.map((unit) => resultOf<Written>(this.#state, 'unit', unit)));
      const digest = mergedDigest(written);
      collections[collection] = {
        entities: digest.count,
        digest: digest.text,
        parts: written.flatMap(({ parts }) => parts),
      };
    }
    const manifest = await sealBackup(location, {
      id,
      created_at: begun?.created_at ?? now(),
      source: { store: strategy.name, place },
      consistent: false,
      collections: collections as BackupManifest['collections'],
    });
    await this.#state.clear();
    return manifest;
  }

  async #writePart(collection: CollectionName, entities: readonly Entity[]): Promise<Written> {
    const digest = new ContentDigest();
    const [first] = entities;
    if (first === undefined) return { digest: digest.toJSON(), parts: [] };
    const lines = entities.map((entity) => {
      const json = canonicalJson(entity);
      digest.add(collection, entity, json);
      return json;
    });
    const bytes = await gzip(`${lines.join('\n')}\n`);
    const file = `${collection}-${partNumber(idOf(collection, first))}.ndjson.gz`;
    await this.#parts.location.write(`${this.#parts.id}/${file}`, bytes);
    const part = { file, entities: entities.length, bytes: bytes.length, sha256: hash('sha256', bytes, 'hex') };
    return { digest: digest.toJSON(), parts: [part] };
  }
}

/** A number that no other part of the collection has, and that a part has again when it is written again. */
const partNumber = (firstId: string): string =>
  String(BigInt(`0x${hash('sha256', firstId, 'hex').slice(0, 16)}`)).padStart(20, '0');

function mergedDigest(parts: readonly { readonly digest: DigestData }[]): ContentDigest {
  const whole = new ContentDigest();
  for (const { digest } of parts) whole.merge(new ContentDigest(digest));
  return whole;
}
