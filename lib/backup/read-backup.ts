/** Reading what a backup holds. Everything is checked on the way: a damaged backup throws, it never gives less. */
import { createHash } from 'node:crypto';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { parseJson } from '../model/parse-json.ts';
import type { Location } from '../objects/location.ts';
import { StorageError } from '../repository/errors.ts';
import { ContentDigest } from '../transfer/content-digest.ts';
import { DamagedBackupError } from './damage.ts';
import type { BackupManifest, BackupPart } from './manifest.ts';

const damaged = (id: string, what: string, cause?: unknown): DamagedBackupError =>
  new DamagedBackupError(`The backup ${id} is damaged: ${what}. Choose another one.`, { cause });

async function* linesOf(chunks: AsyncIterable<string>): AsyncGenerator<string[]> {
  let rest = '';
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() as string;
    if (lines.length > 0) yield lines;
  }
  if (rest !== '') yield [rest];
}

/** The lines of a part, in groups. Throws at the end where the bytes are not those that were written. */
async function* partLines(location: Location, id: string, part: BackupPart): AsyncGenerator<string[]> {
  const bytes = await location.read(`${id}/${part.file}`);
  if (bytes === undefined) throw damaged(id, `${part.file} is missing`);
  const sha256 = createHash('sha256');
  let entities = 0;
  const hashed = async function* (): AsyncGenerator<Uint8Array> {
    for await (const chunk of bytes) {
      sha256.update(chunk);
      yield chunk;
    }
  };
  // The callback is there so that both ends are let go of, whichever fails; the error comes out of the loop.
  const text = pipeline(Readable.from(hashed()), createGunzip({ chunkSize: 256 * 1024 }), () => {});
  try {
    for await (const lines of linesOf(text.setEncoding('utf8') as AsyncIterable<string>)) {
      entities += lines.length;
      yield lines;
    }
  } catch (error) {
    if (error instanceof StorageError) throw error;
    throw damaged(id, `${part.file} cannot be unpacked`, error);
  }
  if (sha256.digest('hex') !== part.sha256) throw damaged(id, `${part.file} does not have its checksum`);
  if (entities !== part.entities) throw damaged(id, `${part.file} holds ${entities} entities, not ${part.entities}`);
}

function parsedLine(line: string, id: string, file: string): Entity {
  try {
    return parseJson(line) as Entity;
  } catch (cause) {
    throw damaged(id, `a line of ${file} is not JSON`, cause);
  }
}

/**
 * The entities of a collection in a backup, in groups of at most `limit`.
 * @throws DamagedBackupError where anything is not as it was written
 */
export async function* entitiesOf(
  location: Location,
  { id, collections }: BackupManifest,
  collection: CollectionName,
  limit: number,
): AsyncGenerator<Entity[]> {
  let page: Entity[] = [];
  const { parts, entities, digest: expected } = collections[collection];
  const digest = new ContentDigest();
  for (const part of parts) {
    for await (const lines of partLines(location, id, part)) {
      for (const line of lines) {
        const entity = parsedLine(line, id, part.file);
        // Lines are canonical JSON, as it was hashed.
        digest.add(collection, entity, line);
        page.push(entity);
        if (page.length < limit) continue;
        yield page;
        page = [];
      }
    }
  }
  if (page.length > 0) yield page;
  if (digest.count !== entities || digest.text !== expected)
    throw damaged(id, `${collection} are not those it was made of`);
}

const READ_PAGE = 1000;

/**
 * Reads everything: checksums of files and entities, and their numbers.
 * @throws DamagedBackupError naming what is damaged, or BackupError where it cannot be read now
 */
export async function verifyBackup(
  location: Location,
  manifest: BackupManifest,
  progress?: (collection: CollectionName, entities: number) => void,
  signal?: AbortSignal,
): Promise<void> {
  for (const collection of collectionNames) {
    for await (const page of entitiesOf(location, manifest, collection, READ_PAGE)) {
      signal?.throwIfAborted();
      progress?.(collection, page.length);
    }
  }
}
