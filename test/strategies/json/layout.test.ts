import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { type CollectionName, collectionNames } from '../../../lib/model/collections.ts';
import type { JsonObject, JsonValue } from '../../../lib/model/entities.ts';
import { parseJson } from '../../../lib/model/parse-json.ts';
import { fileText, type Layout, layoutOf, parseFile, type Tables } from '../../../lib/strategies/json/layout.ts';
import { newTables } from '../../../lib/strategies/json/load-files.ts';
import { parseLines } from '../../../lib/strategies/json/parse-lines.ts';
import { anyCharacter } from '../../any-character.ts';

const single = layoutOf(jsonStrategy.parse({}));
const split = layoutOf(jsonStrategy.parse({ storage_type: 'split_files' } satisfies Partial<JsonStrategyConfig>));

const contentOf = (tables: Tables): Record<string, [string, JsonValue][]> =>
  Object.fromEntries(
    [...tables].map(([name, table]) => [name, [...table.entries()].map(([id, entity]) => [id, entity as JsonObject])]),
  );

async function textOf(layout: Layout, tables: Tables, foreign = new Map<string, JsonValue>()): Promise<string[]> {
  return Promise.all(
    layout.files.map(async (file) => (await Array.fromAsync(fileText(layout, file, tables, foreign))).join('')),
  );
}

/** Ids and values with everything that could be mistaken for the layout itself. */
const awkward = fc.oneof(
  fc.string({ unit: anyCharacter }).filter((text) => text.isWellFormed()),
  fc.constantFrom('": {', '\\": {', '"', '\\', '},', '}', '\n', ' ', '__proto__', '{', 'constructor', '10', '2'),
);
const records = fc.dictionary(awkward, fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 })), { maxKeys: 5 });

const fill = (content: Partial<Record<CollectionName, Record<string, object>>>): Tables => {
  const tables = newTables(100);
  for (const [name, members] of Object.entries(content)) {
    for (const id of Object.keys(members)) {
      const record = parseJson(JSON.stringify(members[id])) as JsonObject;
      const entity = { ...record, [`${name.slice(0, -1)}_id`]: id, version: 1 };
      tables.get(name as CollectionName)?.put(id, entity);
    }
  }
  return tables;
};

describe.each([
  ['single file', single],
  ['split files', split],
])('%s', (_, layout) => {
  test('the written text is valid JSON and is read back unchanged, line by line and as a whole', async () => {
    await fc.assert(
      fc.asyncProperty(records, records, async (templates, machines) => {
        const tables = fill({ templates, machines });
        const [whole, lines] = [newTables(100), newTables(100)];
        for (const [i, text] of (await textOf(layout, tables)).entries()) {
          const file = layout.files[i] as (typeof layout.files)[number];
          const take = (name: CollectionName, id: string, record: JsonObject) =>
            lines.get(name)?.put(id, { ...record, version: 1 });
          const readByLines = parseLines(Buffer.from(text), file.collections, layout.wrapped, take);
          // Ids that look like the layout may be left to the parser for whole texts; nothing may be misread.
          if (!readByLines) for (const name of file.collections) lines.get(name)?.clear();
          parseFile(layout, file, Buffer.from(JSON.stringify(parseJson(text))), whole, new Map());
          const again = newTables(100);
          parseFile(layout, file, Buffer.from(text), again, new Map());
          for (const name of file.collections) {
            const sorted = (of: Tables) => contentOf(of)[name]?.toSorted(([a], [b]) => (a < b ? -1 : 1));
            expect(sorted(whole)).toEqual(sorted(tables));
            expect(sorted(again)).toEqual(sorted(tables));
            if (readByLines) expect(sorted(lines)).toEqual(sorted(tables));
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('ordinary content is read line by line', async () => {
    const tables = fill({ templates: { a: { name: 'x' }, 'ü 漢字': {} }, machines: { m: { list: [1, { b: '"' }] } } });
    for (const [i, text] of (await textOf(layout, tables)).entries()) {
      expect(parseLines(Buffer.from(text), layout.files[i]?.collections ?? [], layout.wrapped, () => {})).toBe(true);
    }
  });

  test('text with one changed character is read, or refused, exactly as by JSON.parse', async () => {
    const tables = fill({ templates: { a: { n: 1 }, b: { n: 2 } }, machines: { m: { n: 3 } } });
    for (const [i, text] of (await textOf(layout, tables)).entries()) {
      const file = layout.files[i] as (typeof layout.files)[number];
      for (let at = 0; at < text.length; at++) {
        for (const changed of [
          text.slice(0, at),
          text.slice(0, at) + text.slice(at + 1),
          `${text.slice(0, at)},${text.slice(at)}`,
        ]) {
          const isJson =
            changed.trim() === '' ||
            (() => {
              try {
                JSON.parse(changed);
                return true;
              } catch {
                return false;
              }
            })();
          if (isJson) continue;
          expect(() => parseFile(layout, file, Buffer.from(changed), newTables(100), new Map())).toThrow();
        }
      }
    }
  });
});

test('text of many megabytes is read in chunks of complete lines', async () => {
  // Lines of 90 KB and one of 20 MB, longer than a chunk.
  const content = Object.fromEntries(
    Array.from({ length: 400 }, (_, i) => [`t-${i}`, { filling: 'ü'.repeat(45_000) }]),
  );
  const tables = fill({ templates: { ...content, long: { filling: 'x'.repeat(20_000_000) }, last: {} } });
  const [text] = await textOf(single, tables);
  const ids: string[] = [];
  expect(parseLines(Buffer.from(text as string), collectionNames, true, (_, id) => ids.push(id))).toBe(true);
  expect(ids).toEqual([...Object.keys(content), 'long', 'last']);
});

test('a split file may be wrapped in its collection, and an entity may have its name as id', () => {
  const file = split.files[0] as (typeof split.files)[number];
  const read = (content: object) => {
    const tables = newTables(100);
    parseFile(split, file, Buffer.from(JSON.stringify(content)), tables, new Map());
    return contentOf(tables).templates?.map(([id]) => id);
  };
  expect(read({ templates: { a: { name: 'x' }, b: {} } })).toEqual(['a', 'b']);
  expect(read({ templates: { template_id: 'templates', name: 'x' } })).toEqual(['templates']);
  expect(read({ templates: { template_id: 'templates' }, b: {} })).toEqual(['templates', 'b']);
});

test('members of a single file that are not our collections are kept', async () => {
  const file = single.files[0] as (typeof single.files)[number];
  const foreign = new Map<string, JsonValue>();
  const tables = newTables(100);
  parseFile(single, file, Buffer.from('{"templates":{},"audit":{"kept":[1,2]},"requests":{}}'), tables, foreign);
  const [text] = await textOf(single, tables, foreign);
  expect(JSON.parse(text as string)).toEqual({ templates: {}, requests: {}, machines: {}, audit: { kept: [1, 2] } });
});

test('text that is not a JSON object of the expected shape is refused with the reason', () => {
  const parse = (text: string) => () =>
    parseFile(single, single.files[0] as (typeof single.files)[number], Buffer.from(text), newTables(100), new Map());
  expect(parse('[]')).toThrow('no JSON object');
  expect(parse('{"templates":[]}')).toThrow('"templates" is not a JSON object');
  expect(parse('{"templates":{"a":1}}')).toThrow('templates "a" is not a JSON object');
  expect(collectionNames).toHaveLength(3);
});
