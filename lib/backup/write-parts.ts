/** How the parts of a backup are written: the phases of the long work that takes it. */
import { hash } from 'node:crypto';
import { promisify } from 'node:util';
import { gzip as gzipWithCallback } from 'node:zlib';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Location } from '../objects/location.ts';
import type { Scanner, StorageStrategy } from '../repository/storage-strategy.ts';
import { ContentDigest, type DigestData } from '../transfer/content-digest.ts';
import type { Page } from '../transfer/copy-pages.ts';
import { withRetries } from '../transfer/retry.ts';
import type { EntityCount, Phase } from '../transfer/run-unit.ts';
import { pagesOf, type SegmentPosition } from '../transfer/scan-pages.ts';
import type { SegmentUnit, Unit } from '../transfer/unit.ts';
import type { BackupPart } from './manifest.ts';

const gzip = promisify(gzipWithCallback);

const PAGE_ENTITIES = 500;
/** A part ends when its JSON is longer, in characters. Several parts are in memory at the same time. */
const PART_CHARACTERS = 4 * 1024 * 1024;
/** Parts that are compressed, each on a thread of its own, and stored at the same time. */
const WORKERS = 3;
/** Numbers of parts are those of their segment: no segment has as many. */
const PARTS_OF_SEGMENT = 100_000;

/** The parts of a collection that are stored, and the digest of their content, which becomes JSON when it is stored. */
export interface WrittenCollection {
  readonly digest: ContentDigest | DigestData;
  readonly parts: readonly BackupPart[];
}

export type Written = Readonly<Record<CollectionName, WrittenCollection>>;

/** The content of a part. */
interface PartPage extends Page {
  readonly collection: CollectionName;
  readonly file: string;
  /** Canonical JSON. */
  readonly lines: readonly string[];
  readonly digest: ContentDigest;
}

const NOTHING = Object.fromEntries(
  collectionNames.map((name) => [name, { digest: new ContentDigest(), parts: [] }]),
) as unknown as Written;

function sum(a: Written, b: Written): Written {
  const added = (name: CollectionName): WrittenCollection => {
    if (b[name].parts.length === 0) return a[name];
    if (a[name].parts.length === 0) return b[name];
    const digest = ContentDigest.of(a[name].digest);
    digest.merge(ContentDigest.of(b[name].digest));
    return { digest, parts: [...a[name].parts, ...b[name].parts] };
  };
  return Object.fromEntries(collectionNames.map((name) => [name, added(name)])) as Written;
}

/** The parts of a segment, one after the other. */
async function* partsOf(
  scanner: Scanner,
  collection: CollectionName,
  position: SegmentPosition,
  partsBefore: number,
): AsyncGenerator<PartPage> {
  let number = position.segment * PARTS_OF_SEGMENT + partsBefore;
  let lines: string[] = [];
  let digest = new ContentDigest();
  let characters = 0;
  for await (const { items, cursor } of pagesOf(scanner, collection, PAGE_ENTITIES, position)) {
    for (const entity of items) {
      const json = canonicalJson(entity);
      digest.add(collection, entity, json);
      lines.push(json);
      characters += json.length;
    }
    if (cursor !== undefined && characters < PART_CHARACTERS) continue;
    const file = `${collection}-${String(++number).padStart(5, '0')}.ndjson.gz`;
    yield { collection, file, lines, digest, cursor };
    [lines, digest, characters] = [[], new ContentDigest(), 0];
  }
}

export interface PartsToWrite {
  /** Id of the backup: the folder of the parts. */
  readonly id: string;
  readonly strategy: StorageStrategy;
  readonly location: Location;
  readonly retryForMs?: number | undefined;
}

/** A store that can show one moment is backed up in one unit, any other one in segments. */
export function backupPhases({ id, strategy, location, retryForMs }: PartsToWrite) {
  const patient = (scanner: Scanner): Scanner => ({
    scan: (name, scan) => withRetries(() => scanner.scan(name, scan), retryForMs),
  });
  const common = {
    workers: WORKERS,
    nothing: NOTHING,
    sum,
    work: async (_: Unit, { collection, file, lines, digest }: PartPage): Promise<Written> => {
      if (lines.length === 0) return NOTHING;
      const bytes = await gzip(`${lines.join('\n')}\n`);
      await location.write(`${id}/${file}`, bytes);
      const part = { file, entities: lines.length, bytes: bytes.length, sha256: hash('sha256', bytes, 'hex') };
      return { ...NOTHING, [collection]: { digest, parts: [part] } };
    },
    count: (_: Unit, { collection, lines }: PartPage): EntityCount => [collection, lines.length],
  };
  const segments: Phase<SegmentUnit, PartPage, Written> = {
    ...common,
    pages: (unit, { cursor, result }) =>
      partsOf(patient(strategy), unit.collection, { ...unit, cursor }, result[unit.collection].parts.length),
  };
  const moment: Phase<Unit, PartPage, Written> = {
    ...common,
    // What is left of a moment, another process cannot see.
    indivisible: true,
    pages: async function* () {
      await using snapshot = await strategy.snapshot();
      for (const collection of collectionNames) {
        for await (const part of partsOf(patient(snapshot), collection, { segment: 0, segments: 1 }, 0)) {
          const isLast = part.cursor === undefined && collection === collectionNames.at(-1);
          yield { ...part, cursor: isLast ? undefined : `${collection} ${part.cursor}` };
        }
      }
    },
  };
  return { 'back-up': segments, 'back-up-moment': moment };
}

export type BackupPhases = ReturnType<typeof backupPhases>;

/** The unit of `back-up-moment`. */
export const MOMENT: Unit = { name: 'moment' };
