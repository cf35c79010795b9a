/** Callers' input never becomes part of a statement. The JSON store, which has no statements, gives the expected answers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { collectionNames, fieldsOf, idFieldOf } from '../../../lib/model/collections.ts';
import type { EntityInput } from '../../../lib/model/entities.ts';
import { checkQuery } from '../../../lib/repository/check-query.ts';
import { encodeCursor } from '../../../lib/repository/cursor.ts';
import { ValidationError } from '../../../lib/repository/errors.ts';
import { type CountOptions, filterOperators, type QueryOptions } from '../../../lib/repository/query.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { anyCharacter } from '../../any-character.ts';
import { queryAll } from '../../contract/paging.ts';
import { rejection } from '../../contract/rejection.ts';
import { request, saveAll, template } from '../../contract/samples.ts';
import { rounds, seed } from '../../trials.ts';
import { schemaOf } from './catalog.ts';
import { databaseKinds, type TestDatabase } from './databases.ts';
import { hostileTexts, refusedTexts, shortHostileTexts } from './hostile-texts.ts';

const numRuns = rounds(10_000);
const everyText = [...hostileTexts, ...refusedTexts];

// Object.fromEntries, unlike a literal, creates a field of any name.
const withField = <T extends object>(entity: T, name: string, value: unknown): T =>
  Object.fromEntries([...Object.entries(entity), [name, value]]) as T;

/** A template with the text in every possible position. */
const hostileTemplate = (text: string): EntityInput<'templates'> => {
  const object = withField({}, text, text);
  const fields = { template_id: text, name: text, image_id: text, subnet_ids: [text, object], attributes: object };
  return withField(template(fields), text, text);
};

const hostileRequest = (text: string): EntityInput<'requests'> =>
  request(text, { request_id: text, status: text, request_type: text, tags: withField({}, text, text) });

const hostile = fc.constantFrom(...everyText);
const anyText = fc.oneof(hostile, fc.string({ unit: anyCharacter }));
const scalar = fc.oneof(
  { weight: 6, arbitrary: anyText },
  { weight: 3, arbitrary: fc.constantFrom<unknown>(0, 3, 10, -1, 2 ** 53 - 1, '2026-11-22T10:00:00Z') },
  { weight: 1, arbitrary: fc.constantFrom<unknown>(null, true, 1.5, Number.NaN, {}) },
);
const operator = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<string>(...filterOperators) },
  { weight: 1, arbitrary: hostile },
);
const filter = fc.oneof(
  scalar,
  fc.array(anyText, { maxLength: 12 }),
  fc.array(scalar, { maxLength: 3 }),
  fc.tuple(operator, scalar).map(([name, value]) => withField({}, name, value)),
);

/** Queries of a collection, mostly with its own fields, so that many of them pass the checks. */
const asked = fc.constantFrom(...collectionNames).chain((collection) => {
  const field = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...fieldsOf(collection).keys()) },
    { weight: 1, arbitrary: hostile },
  );
  return fc.record({
    collection: fc.constant(collection),
    filters: fc.array(fc.tuple(field, filter), { maxLength: 2 }).map((entries) => Object.fromEntries(entries)),
    orderBy: fc.option(
      fc.tuple(fc.constantFrom('', '-'), field).map((parts) => parts.join('')),
      { nil: undefined },
    ),
    groupBy: fc.option(field, { nil: undefined }),
  });
});

/** The position of a cursor that is forged for this very query. */
const position = fc.option(fc.record({ value: scalar, id: fc.constantFrom(...hostileTexts) }), { nil: undefined });

/** The answer of a call, or its validation error; any other error fails the test. */
async function outcomeOf<T>(call: () => Promise<T>): Promise<{ answer: T } | { refused: string }> {
  try {
    return { answer: await call() };
  } catch (error) {
    if (!(error instanceof ValidationError)) throw error;
    return { refused: error.message };
  }
}

describe.each(databaseKinds)('$name', ({ name, create }) => {
  let database: TestDatabase;
  let repository: StorageRepository;
  let folder: string;
  let reference: StorageRepository;
  let before: unknown;
  const everything = async () => {
    const found = [await schemaOf(name, database)];
    for (const table of collectionNames) found.push(await database.run(`SELECT * FROM ${table}`));
    return found;
  };
  beforeAll(async () => {
    database = await create();
    repository = await openRepository(database.storage());
    await saveAll(repository, 'templates', hostileTexts.map(hostileTemplate));
    await saveAll(repository, 'requests', shortHostileTexts.map(hostileRequest));
    folder = await mkdtemp(join(tmpdir(), 'hfstorage-reference-'));
    reference = await openRepository({ storage: { strategy: 'json', json_strategy: { base_path: folder } } });
    for (const collection of collectionNames) {
      await reference.strategy.load(collection, await queryAll(repository, collection));
    }
    before = await everything();
  });
  afterEach(async () => {
    expect(await everything()).toEqual(before);
  });
  afterAll(async () => {
    await repository.close();
    await reference.close();
    await rm(folder, { recursive: true });
    await database[Symbol.asyncDispose]();
  });

  test.each(hostileTexts)('%j is stored and found again exactly', async (text) => {
    const stored = { ...hostileTemplate(text), version: 1 };
    const found = await repository.getEntity('templates', text);
    expect(found).toMatchObject(stored);
    expect(Object.getOwnPropertyDescriptor(found, text)?.value).toBe(text);
    const ids = async (filters: QueryOptions['filters']) =>
      (await queryAll(repository, 'templates', { filters })).map(({ template_id }) => template_id).sort();
    expect(await ids({ template_id: text })).toEqual([text]);
    expect(await ids({ name: { eq: text }, image_id: { in: [text, 'other'] } })).toEqual([text]);
    expect(await ids({ name: { begins_with: text } })).toEqual(
      hostileTexts.filter((each) => each.startsWith(text)).sort(),
    );
    expect(await ids({ name: { gte: text, lte: text } })).toEqual([text]);
    expect(await repository.countEntities('templates', { filters: { name: { ne: text } } })).toEqual({
      count: hostileTexts.length - 1,
    });
  });

  test('each is updated and deleted, and nothing else', async () => {
    for (const text of shortHostileTexts) {
      const id = `new ${text}`;
      await repository.saveEntity('templates', { ...hostileTemplate(text), template_id: id });
      await repository.saveEntity('requests', { ...hostileRequest(text), request_id: id, template_id: id });
      const updated = await repository.updateEntity(
        'requests',
        id,
        withField({ status: 'x' }, text, `${text}!`) as never,
      );
      expect(Object.getOwnPropertyDescriptor(updated, text)?.value).toBe(`${text}!`);
      await repository.deleteEntity('requests', id);
      await repository.deleteEntity('templates', id);
    }
  });

  test('counts in groups of such values', async () => {
    const groups = Object.fromEntries(shortHostileTexts.map((text) => [text, 1]));
    const counted = await repository.countEntities('requests', { groupBy: 'status' });
    expect(counted.count).toBe(shortHostileTexts.length);
    expect(new Map(Object.entries(counted.groups ?? {}))).toEqual(new Map(Object.entries(groups)));
  });

  test('queries with hostile fields, operators, values, orders and cursors are answered correctly or refused', async () => {
    const property = fc.asyncProperty(asked, position, async ({ collection, filters, orderBy }, position) => {
      const options = { filters, orderBy, limit: 7 } as QueryOptions;
      const page = (on: Repository, cursor?: string) =>
        outcomeOf(() => on.queryEntities(collection, { ...options, cursor }));
      const first = await page(repository);
      expect(first).toEqual(await page(reference));
      if ('refused' in first || position === undefined) return;
      const query = checkQuery(collection, options);
      const { id, value } = position;
      const isAtId = query.order.field === idFieldOf(collection);
      const cursor = encodeCursor(collection, query, { id, value: (isAtId ? id : value) as string });
      const forged = await page(repository, cursor);
      // A store may refuse a position that no entity can have, or answer with the entities after it.
      if ('answer' in forged) expect(forged).toEqual(await page(reference, cursor));
    });
    await fc.assert(property, { seed, numRuns });
  });

  test('counts with hostile filters and groups are answered correctly or refused', async () => {
    const property = fc.asyncProperty(asked, async ({ collection, filters, groupBy }) => {
      const count = (on: Repository) =>
        outcomeOf(() => on.countEntities(collection, { filters, groupBy } as CountOptions));
      expect(await count(repository)).toEqual(await count(reference));
    });
    await fc.assert(property, { seed, numRuns });
  });

  test('as a collection, a cursor, a limit or a version, each is refused', async () => {
    for (const text of everyText) {
      const collection = text as 'templates';
      const madeUp = Buffer.from(JSON.stringify([text, text, text])).toString('base64url');
      const calls: (() => Promise<unknown>)[] = [
        () => repository.getEntity(collection, 'x'),
        () => repository.getEntities(collection, ['x']),
        () => repository.saveEntity(collection, template()),
        () => repository.saveEntities(collection, [template()]),
        () => repository.updateEntity(collection, 'x', { name: 'n' }),
        () => repository.deleteEntity(collection, 'x'),
        () => repository.queryEntities(collection),
        () => repository.countEntities(collection),
        () => repository.createTogether([{ collection, entity: template() }]),
        () => repository.transaction((tx) => tx.checkEntity(collection, 'x')),
        () => repository.queryEntities('templates', { cursor: text }),
        () => repository.queryEntities('templates', { cursor: madeUp }),
        () => repository.queryEntities('templates', { limit: text as never }),
        () => repository.deleteEntity('templates', '%', { expectedVersion: text as never }),
      ];
      for (const call of calls) expect(await rejection(call())).toBeInstanceOf(ValidationError);
    }
  });

  test('as an id, invalid ones are refused', async () => {
    for (const text of refusedTexts) {
      const calls: (() => Promise<unknown>)[] = [
        () => repository.getEntity('templates', text),
        () => repository.getEntities('templates', ['x', text]),
        () => repository.saveEntity('templates', template({ template_id: text })),
        () => repository.updateEntity('templates', text, { name: 'n' }),
        () => repository.deleteEntity('templates', text),
      ];
      for (const call of calls) expect(await rejection(call())).toBeInstanceOf(ValidationError);
    }
  });
});
