/** The data files of a store and their format: SPEC.md's shapes. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { type CollectionName, collectionNames, idFieldOf } from '../../model/collections.ts';
import type { Entity, JsonObject, JsonValue } from '../../model/entities.ts';
import { isPlainObject } from '../../model/json-values.ts';
import { parseJson } from '../../model/parse-json.ts';
import type { EntityTable } from './entity-table.ts';
import { parseLines } from './parse-lines.ts';

/** One data file and the collections it holds. */
export interface DataFile {
  readonly name: string;
  readonly collections: readonly CollectionName[];
}

/** The files of a store. */
export interface Layout {
  readonly files: readonly DataFile[];
  /** Whether the file holds its collections by name, or each file is one collection itself. */
  readonly wrapped: boolean;
  readonly journal: string;
  readonly lock: string;
}

export const backupOf = (name: string): string => `${name}.bak`;

export function layoutOf({ storage_type, filenames }: JsonStrategyConfig): Layout {
  const wrapped = storage_type === 'single_file';
  const files = wrapped
    ? [{ name: filenames.single_file, collections: collectionNames }]
    : collectionNames.map((name) => ({ name: filenames.split_files[name], collections: [name] }));
  // One journal for all files makes a transaction over several collections a single append.
  const stem = wrapped ? filenames.single_file : files.map(({ name }) => name.replace(/\.json$/, '')).join('+');
  return { files, wrapped, journal: `${stem}.journal`, lock: `${stem}.lock` };
}

export type Tables = ReadonlyMap<CollectionName, EntityTable>;

/** Members of a wrapped file that are not one of our collections: kept unchanged. */
export type ForeignMembers = Map<string, JsonValue>;

/** Whether a text is empty. It counts as no entities if the file was never written before. */
export const isBlank = (text: Buffer): boolean => text.every((byte) => SPACES.has(byte));
const SPACES: ReadonlySet<number> = new Set(Buffer.from(' \t\r\n'));

/**
 * Puts the content of a file into the tables.
 * @param text UTF-8
 * @throws Error if the text is not JSON of the file's shape
 */
export function parseFile(
  { wrapped }: Layout,
  file: DataFile,
  text: Buffer,
  tables: Tables,
  foreign: ForeignMembers,
): void {
  const take = (collection: CollectionName, id: string, record: JsonObject, json: string): void =>
    tables.get(collection)?.fill(id, record, json);
  if (parseLines(text, file.collections, wrapped, take)) return;
  for (const collection of file.collections) tables.get(collection)?.clear();
  const content: unknown = isBlank(text) ? {} : parseJson(text.toString('utf8'));
  if (!isPlainObject(content)) throw new Error('it holds no JSON object');
  const [collection] = file.collections as [CollectionName];
  if (!wrapped && !isWrapped(content, collection)) {
    parseCollection(content, collection, tables);
    return;
  }
  for (const [name, members] of Object.entries(content)) {
    if (!(file.collections as readonly string[]).includes(name)) foreign.set(name, members as JsonValue);
    else if (isPlainObject(members)) parseCollection(members, name as CollectionName, tables);
    else throw new Error(`"${name}" is not a JSON object`);
  }
}

/** Whether a split file holds `{"machines": {...}}` instead of the machines themselves; a machine may have the id "machines". */
function isWrapped(content: Record<string, unknown>, collection: CollectionName): boolean {
  const [only, ...others] = Object.keys(content);
  const member = content[collection];
  return (
    only === collection &&
    others.length === 0 &&
    isPlainObject(member) &&
    typeof member[idFieldOf(collection)] !== 'string'
  );
}

function parseCollection(content: Record<string, unknown>, collection: CollectionName, tables: Tables): void {
  const table = tables.get(collection) as EntityTable;
  for (const id of Object.keys(content)) {
    const record = content[id];
    if (typeof record !== 'object' || record === null || Array.isArray(record))
      throw new Error(`${collection} ${JSON.stringify(id)} is not a JSON object`);
    table.fill(id, record as JsonObject);
  }
}

const ENTITIES_PER_PIECE = 500;

/**
 * The text of a file in pieces, one entity a line, from the tables at the time of the call. Yields to the event loop
 * between the pieces.
 */
export function fileText(
  { wrapped }: Layout,
  file: DataFile,
  tables: Tables,
  foreign: ForeignMembers,
): AsyncIterable<string> {
  const captured = file.collections.map((name) => [name, (tables.get(name) as EntityTable).capture()] as const);
  const others = wrapped ? [...foreign] : [];
  return (async function* () {
    if (wrapped) yield '{\n';
    for (const [i, [name, entities]] of captured.entries()) {
      if (wrapped) yield `${i > 0 ? ',\n' : ''}${JSON.stringify(name)}: `;
      yield* collectionText(entities);
    }
    for (const [name, value] of others) yield `,\n${JSON.stringify(name)}: ${JSON.stringify(value)}`;
    yield wrapped ? '\n}\n' : '\n';
  })();
}

async function* collectionText(entities: readonly [string, Entity | string][]): AsyncGenerator<string> {
  yield '{';
  for (let start = 0; start < entities.length; start += ENTITIES_PER_PIECE) {
    const lines = entities
      .slice(start, start + ENTITIES_PER_PIECE)
      .map(([id, kept]) => `\n${JSON.stringify(id)}: ${typeof kept === 'string' ? kept : JSON.stringify(kept)}`);
    yield (start > 0 ? ',' : '') + lines.join(',');
    await nextTurn();
  }
  yield entities.length > 0 ? '\n}' : '}';
}
