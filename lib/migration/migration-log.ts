/**
 * What a migration has done, line by line: whoever reads the log knows where to go on. A line is appended after what it
 * says is durable in the target; one that was lost only means that a batch is copied again, which is harmless.
 */
import { closeSync, fstatSync, fsyncSync, ftruncateSync, mkdirSync, openSync, readFileSync, writeSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { parseJson } from '../model/parse-json.ts';
import { now } from '../model/timestamps.ts';
import { decodeUtf8 } from '../model/utf8.ts';
import { PRIVATE_FOLDER } from '../objects/file-owner.ts';
import { MigrationError } from '../repository/errors.ts';
import { RunLock } from '../transfer/run-lock.ts';
import type { MigrationReport, Validation } from './migration-report.ts';
import type { MigrationPlan } from './migration-settings.ts';

export interface Checkpoint {
  readonly collection: CollectionName;
  readonly segment: number;
  /** Of the last page that is durable; absent once the segment is done. */
  readonly cursor?: string | undefined;
  /** Entities of the page, those of them that were written, and those that do not fit. */
  readonly read: number;
  readonly copied: number;
  readonly skipped: number;
}

type Event =
  | { readonly event: 'started'; readonly plan: MigrationPlan }
  | { readonly event: 'checked'; readonly totals: Readonly<Record<CollectionName, number>>; readonly segments: number }
  | { readonly event: 'backed_up'; readonly backup: string }
  | ({ readonly event: 'checkpoint' } & Checkpoint)
  /** Logged before the source is cleaned up: afterwards the stores differ. */
  | { readonly event: 'compared'; readonly validation: Validation }
  | { readonly event: 'removed'; readonly entities: number }
  | { readonly event: 'resumed' }
  | { readonly event: 'interrupted' }
  | { readonly event: 'failed'; readonly message: string }
  | { readonly event: 'finished'; readonly report: MigrationReport };

export interface CollectionProgress {
  read: number;
  copied: number;
  skipped: number;
  /** Entities that the source had when it was checked. */
  total?: number;
}

export interface SegmentProgress {
  readonly done: boolean;
  readonly cursor?: string | undefined;
}

/** All that a log says. */
export interface MigrationState {
  readonly id: string;
  readonly plan: MigrationPlan;
  readonly startedAt: string;
  /** When it last said something. */
  updatedAt: string;
  readonly collections: Record<CollectionName, CollectionProgress>;
  /** By collection and segment: `machines 0`. */
  readonly progress: Map<string, SegmentProgress>;
  /** Into how many segments each collection is divided; absent until the source has been checked. */
  segments?: number;
  backup?: string;
  /** What the comparison found; present once the cleanup of the source has begun. */
  validation?: Validation;
  /** Entities that were deleted from the source. */
  removed?: number;
  /** Why it failed last; absent while it runs, where it was interrupted, and once it is finished. */
  failure?: string | undefined;
  report?: MigrationReport;
}

export const segmentKey = (collection: CollectionName, segment: number): string => `${collection} ${segment}`;

const stateOf = (id: string, at: string, plan: MigrationPlan): MigrationState => ({
  id,
  plan,
  startedAt: at,
  updatedAt: at,
  collections: Object.fromEntries(
    collectionNames.map((name) => [name, { read: 0, copied: 0, skipped: 0 }]),
  ) as MigrationState['collections'],
  progress: new Map(),
});

function apply(state: MigrationState, at: string, event: Event): void {
  state.updatedAt = at;
  switch (event.event) {
    case 'checked':
      state.segments = event.segments;
      for (const name of collectionNames) state.collections[name].total = event.totals[name];
      break;
    case 'backed_up':
      state.backup = event.backup;
      break;
    case 'checkpoint': {
      const { collection, segment, cursor, read, copied, skipped } = event;
      const counts = state.collections[collection];
      counts.read += read;
      counts.copied += copied;
      counts.skipped += skipped;
      state.progress.set(segmentKey(collection, segment), { done: cursor === undefined, cursor });
      break;
    }
    case 'compared':
      state.validation = event.validation;
      break;
    case 'removed':
      state.removed = (state.removed ?? 0) + event.entities;
      break;
    case 'resumed':
    case 'interrupted':
      state.failure = undefined;
      break;
    case 'failed':
      state.failure = event.message;
      break;
    case 'finished':
      state.report = event.report;
      break;
  }
}

/** An id comes from outside, and becomes the name of a file. */
const ID = /^[\w-]+$/;

const fileOf = (folder: string, id: string): string => join(folder, `${id}.ndjson`);

/** Reads a log as far as it is whole. Returns the state and the bytes that are whole. */
function readLog(folder: string, id: string): { state: MigrationState; bytes: number } {
  let written: Buffer;
  try {
    if (!ID.test(id)) throw new Error('not an id');
    written = readFileSync(fileOf(folder, id));
  } catch (cause) {
    throw new MigrationError(`There is no migration ${JSON.stringify(id)} in ${folder}.`, { cause });
  }
  let state: MigrationState | undefined;
  const bytes = written.lastIndexOf('\n') + 1;
  for (const line of linesOf(written.subarray(0, bytes), id)) {
    const { at, ...event } = parsedLine(line, id);
    if (event.event === 'started') state ??= stateOf(id, at, event.plan);
    else if (state !== undefined) apply(state, at, event);
  }
  if (state === undefined) {
    throw new MigrationError(`The log of the migration ${id} in ${folder} is empty. Begin a new migration.`);
  }
  return { state, bytes };
}

function linesOf(bytes: Buffer, id: string): string[] {
  try {
    return decodeUtf8(bytes).split('\n').slice(0, -1);
  } catch (cause) {
    throw damagedLog(id, cause);
  }
}

const damagedLog = (id: string, cause: unknown): MigrationError =>
  new MigrationError(
    `The log of the migration ${id} is damaged. Begin a new one with --merge: what is copied already stays.`,
    { cause },
  );

function parsedLine(line: string, id: string): Event & { at: string } {
  try {
    return parseJson(line) as Event & { at: string };
  } catch (cause) {
    throw damagedLog(id, cause);
  }
}

/** @throws MigrationError where another process runs the migration */
function takeLock(folder: string, id: string): RunLock {
  const lock = RunLock.take(folder, id);
  if (lock === undefined) throw new MigrationError(`The migration ${id} is running in another process.`);
  return lock;
}

/** The log of one migration that this process runs. */
export class MigrationLog {
  readonly state: MigrationState;
  readonly #file: number;
  readonly #lock: RunLock;
  /** Of the lines that are whole. */
  #bytes: number;
  #closed = false;

  private constructor(state: MigrationState, file: number, lock: RunLock) {
    this.state = state;
    this.#file = file;
    this.#lock = lock;
    this.#bytes = fstatSync(file).size;
  }

  /** Begins the log of a new migration. @throws MigrationError where the folder cannot be written */
  static create(folder: string, id: string, plan: MigrationPlan): MigrationLog {
    try {
      if (!ID.test(id)) throw new Error(`${JSON.stringify(id)} is no id`);
      mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
      using stack = new DisposableStack();
      const lock = stack.use(takeLock(folder, id));
      const file = openSync(fileOf(folder, id), 'ax', 0o600);
      stack.move();
      const log = new MigrationLog(stateOf(id, now(), plan), file, lock);
      log.#append({ event: 'started', plan });
      fsyncSync(file);
      return log;
    } catch (cause) {
      if (cause instanceof MigrationError) throw cause;
      throw new MigrationError(
        `The log of the migration cannot be written to ${folder}: ${(cause as Error).message}. Correct migration.state_location.`,
        { cause },
      );
    }
  }

  /** Opens the log of a migration to go on with it. @throws MigrationError where it is unknown, or running */
  static resume(folder: string, id: string): MigrationLog {
    readLog(folder, id);
    const lock = takeLock(folder, id);
    // Once more under the lock; a line that was cut off is dropped.
    const { state, bytes } = readLog(folder, id);
    const file = openSync(fileOf(folder, id), 'r+');
    ftruncateSync(file, bytes);
    closeSync(file);
    const log = new MigrationLog(state, openSync(fileOf(folder, id), 'a'), lock);
    log.add({ event: 'resumed' });
    return log;
  }

  /** @throws MigrationError where it cannot be written */
  add(event: Event): void {
    this.#append(event);
    apply(this.state, now(), event);
  }

  /** Harmless where it is closed already. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    fsyncSync(this.#file);
    closeSync(this.#file);
    this.#lock[Symbol.dispose]();
  }

  #append(event: Event): void {
    const line = Buffer.from(`${JSON.stringify({ at: now(), ...event })}\n`);
    try {
      // A disk may take part of a line, and then none of the rest.
      for (let written = 0; written < line.length; ) written += writeSync(this.#file, line, written);
      this.#bytes += line.length;
    } catch (cause) {
      ftruncateSync(this.#file, this.#bytes);
      throw new MigrationError(
        `The log of the migration cannot be written: ${(cause as Error).message}. Free space, or correct migration.state_location.`,
        { cause },
      );
    }
  }
}

/** Whether a process of this machine runs the migration now. */
export const isRunning = (folder: string, id: string): boolean => RunLock.isHeld(folder, id);

/** What a log says. @throws MigrationError where there is none */
export const readMigration = (folder: string, id: string): MigrationState => readLog(folder, id).state;

/** Ids of the migrations of a folder, the oldest first. */
export async function migrationIds(folder: string): Promise<string[]> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return [];
    throw new MigrationError(`The migrations in ${folder} cannot be listed: ${error.message}.`, { cause: error });
  });
  return names
    .filter((name) => name.endsWith('.ndjson'))
    .map((name) => name.slice(0, -'.ndjson'.length))
    .sort();
}
