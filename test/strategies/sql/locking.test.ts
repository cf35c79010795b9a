import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { HostRequest } from '../../../lib/model/entities.ts';
import { UnsupportedOperationError, ValidationError } from '../../../lib/repository/errors.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import type { StoreSession } from '../../../lib/repository/storage-strategy.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import type { SqlStorageStrategy } from '../../../lib/strategies/sql/sql-strategy.ts';
import { rejection } from '../../contract/rejection.ts';
import { request, saveRequest, template } from '../../contract/samples.ts';
import { databaseKinds, postgresql, type TestDatabase } from './databases.ts';

/** SPEC.md's example, with the column name of its own table. */
const SELECT = 'SELECT * FROM requests WHERE request_id = ? FOR UPDATE';

const setCount = (session: StoreSession, id: string, machine_count: number) =>
  session.write([
    { kind: 'patch', collection: 'requests', id, set: { machine_count }, remove: [], at: new Date().toISOString() },
  ]);

describe.each(databaseKinds)('executeWithLock on $name', ({ name, create }) => {
  let database: TestDatabase;
  /** Two clients, as in two processes. */
  let repositories: [StorageRepository, StorageRepository];
  let clients: [SqlStorageStrategy, SqlStorageStrategy];
  let stored: HostRequest;
  beforeAll(async () => {
    database = await create();
    repositories = [await openRepository(database.storage()), await openRepository(database.storage())];
    clients = repositories.map(({ strategy }) => strategy as SqlStorageStrategy) as typeof clients;
  });
  afterAll(async () => {
    for (const repository of repositories) await repository.close();
    await database[Symbol.asyncDispose]();
  });
  beforeEach(async () => {
    stored = await saveRequest(repositories[0], { machine_count: 0 });
  });
  const current = () => repositories[1].getEntity('requests', stored.request_id);

  test("answers the rows of SPEC.md's example", async () => {
    const rows = await clients[0].executeWithLock(SELECT, [stored.request_id]);
    expect(rows).toEqual([expect.objectContaining({ ...stored, extra: null, tags: null })]);
    expect(await clients[0].executeWithLock('SELECT status FROM requests WHERE request_id = ?', ['none'])).toEqual([]);
  });

  test('commits the writes of the callback on the session, and returns its result', async () => {
    const answer = await clients[0].executeWithLock(SELECT, [stored.request_id], async ([row], session) => {
      await setCount(session, stored.request_id, Number(row?.machine_count) + 5);
      return 'done';
    });
    expect(answer).toBe('done');
    expect(await current()).toMatchObject({ machine_count: 5, version: 2 });
  });

  test('two clients that count under the lock lose no update', async () => {
    const count = async (client: SqlStorageStrategy) => {
      for (let i = 0; i < 10; i++) {
        await client.executeWithLock(SELECT, [stored.request_id], ([row], session) =>
          setCount(session, stored.request_id, Number(row?.machine_count) + 1),
        );
      }
    };
    await Promise.all([...clients, ...clients].map(count));
    expect(await current()).toMatchObject({ machine_count: 40, version: 41 });
  });

  test('a client that waited sees the newest row; readers do not wait', async () => {
    const locked = Promise.withResolvers<void>();
    const release = Promise.withResolvers<void>();
    const events: string[] = [];
    const first = clients[0].executeWithLock(SELECT, [stored.request_id], async (_, session) => {
      await setCount(session, stored.request_id, 7);
      locked.resolve();
      await release.promise;
      events.push('first commits');
    });
    await locked.promise;
    const second = clients[1].executeWithLock(SELECT, [stored.request_id], async ([row]) => {
      events.push(`second sees ${row?.machine_count}`);
    });
    const writer = repositories[1].updateEntity('requests', stored.request_id, { status: 'DONE' });
    await sleep(100);
    expect(events).toEqual([]);
    expect(await current()).toMatchObject({ machine_count: 0, version: 1 });
    expect(await repositories[0].countEntities('requests')).toMatchObject({ count: expect.any(Number) });
    release.resolve();
    await Promise.all([first, second, writer]);
    expect(events).toEqual(['first commits', 'second sees 7']);
    expect(await current()).toMatchObject({ machine_count: 7, status: 'DONE', version: 3 });
  });

  test('a callback that throws changes nothing, and releases the lock', async () => {
    const failing = clients[0].executeWithLock(SELECT, [stored.request_id], async (_, session) => {
      await setCount(session, stored.request_id, 9);
      throw new RangeError('no');
    });
    await expect(failing).rejects.toThrow(new RangeError('no'));
    expect(await current()).toEqual(stored);
    await repositories[1].updateEntity('requests', stored.request_id, { status: 'DONE' });
  });

  test('a write on the repository inside the callback would wait forever, and is refused', async () => {
    const outcome = clients[0].executeWithLock(SELECT, [stored.request_id], async () => {
      await repositories[0].saveEntity('templates', template());
    });
    const error = await rejection(outcome);
    expect(error).toBeInstanceOf(UnsupportedOperationError);
    expect(error.message).toContain('inside a transaction or lock');
    const nested = clients[0].executeWithLock(SELECT, [stored.request_id], () =>
      clients[0].executeWithLock(SELECT, ['x']),
    );
    expect(await rejection(nested)).toBeInstanceOf(UnsupportedOperationError);
  });

  const unknown = name === 'sqlite' ? 'is refused by SQLite: no such' : 'is refused by PostgreSQL: ';
  test.each([
    ["UPDATE requests SET status = 'x' WHERE request_id = ?", ['r'], 'must be a SELECT'],
    ['DELETE FROM requests', [], 'must be a SELECT'],
    ['', [], 'must be a SELECT'],
    ['/* SELECT */ DROP TABLE requests', [], 'must be a SELECT'],
    ['WITH gone AS (DELETE FROM requests RETURNING *) SELECT * FROM gone', [], 'must be a SELECT'],
    ['SELECT 1; DROP TABLE requests', [], 'must be one statement'],
    ['SELECT 1;;', [], 'must be one statement'],
    [SELECT, [], 'has 1 parameters (?), but 0 values were given'],
    [SELECT, ['a', 'b'], 'has 1 parameters (?), but 2 values were given'],
    ['SELECT * FROM requests WHERE request_id = $1', ['r'], 'must mark its parameters with ? alone, not with $1'],
    ['SELECT * FROM requests WHERE request_id = ?1', ['r'], 'must mark its parameters with ? alone, not with ?1'],
    ['SELECT * FROM requests WHERE request_id = :id', [], 'must mark its parameters with ? alone, not with :id'],
    ['SELECT * FROM requests WHERE id = ?', ['r'], unknown],
    ['SELECT * FROM nowhere', [], unknown],
    ['SELECT * FROM requests WHERE', [], 'is refused by '],
  ])('refuses %s', async (select, parameters, message) => {
    let called = false;
    const error = await rejection(
      clients[0].executeWithLock(select, parameters, async () => {
        called = true;
      }),
    );
    expect(error).toBeInstanceOf(ValidationError);
    expect(error.message).toContain(message);
    expect(called).toBe(false);
    expect(await current()).toEqual(stored);
  });

  test('a ? in a string, a quoted name or a comment is not a parameter, and a ; does not end the statement', async () => {
    const { request_id, template_id } = stored;
    await repositories[0].saveEntity('requests', request(template_id, { request_id, status: "what?; it's" }));
    const select = `/* why? */ -- really?; yes
      SELECT status AS "a?; b", '?' AS mark -- and this?
      FROM requests WHERE status = 'what?; it''s' /* not ? */ AND request_id = ? ; -- the end;`;
    expect(await clients[0].executeWithLock(select, [request_id])).toEqual([{ 'a?; b': "what?; it's", mark: '?' }]);
  });

  test('FOR UPDATE may be written in any case, before a comment, or omitted: the row is always locked', async () => {
    for (const end of [
      '',
      ' FOR UPDATE',
      '\nfor  Update ;',
      ' for update -- lock it',
      ' -- lock it',
      ' /* FOR UPDATE */',
    ]) {
      const select = `SELECT * FROM requests WHERE request_id = ?${end}`;
      let writing: Promise<string> | undefined;
      await clients[0].executeWithLock(select, [stored.request_id], async () => {
        const write = repositories[1].updateEntity('requests', stored.request_id, { status: 'DONE' });
        writing = write.then(() => 'written');
        expect(await Promise.race([writing, sleep(30, 'waits')])).toBe('waits');
      });
      expect(await writing).toBe('written');
    }
  });
});

test.each([
  'SELECT count(*) FROM requests',
  'SELECT DISTINCT status FROM requests',
  'SELECT status FROM requests GROUP BY status',
])('PostgreSQL: %s has no rows to lock, and is refused', async (select) => {
  await using database = await postgresql.create();
  await using repository = await openRepository(database.storage());
  const error = await rejection((repository.strategy as SqlStorageStrategy).executeWithLock(select, []));
  expect(error.message).toContain('FOR UPDATE is not allowed with');
  expect(error).toBeInstanceOf(ValidationError);
});
