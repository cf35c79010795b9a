import { setImmediate } from 'node:timers/promises';
import { describe, expect, test } from '@jest/globals';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  EntityInUseError,
  ReferenceNotFoundError,
} from '../../lib/repository/errors.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { onEveryRepository, testIfCapable } from './on-every-store.ts';
import { machine, newId, request, saveRequest, saveTemplate, template } from './samples.ts';

const WRITERS = 20;

/** Adds one by reading and writing over the version that was read, and retries on each conflict. */
async function addOneByVersion(repository: Repository, id: string): Promise<void> {
  for (;;) {
    const read = await repository.getEntity('templates', id);
    if (read === undefined) throw new Error('The counter is gone.');
    try {
      const changes = { max_number: read.max_number + 1 };
      await repository.updateEntity('templates', id, changes, { expectedVersion: read.version });
      return;
    } catch (error) {
      if (!(error instanceof ConcurrencyConflictError)) throw error;
      expect(error.currentVersion).toBeGreaterThan(read.version);
    }
  }
}

const addOneByTransaction = (repository: Repository, id: string): Promise<void> =>
  repository.transaction(async (tx) => {
    const read = await tx.getEntity('templates', id);
    if (read === undefined) throw new Error('The counter is gone.');
    await tx.updateEntity('templates', id, { max_number: read.max_number + 1 });
  });

/** Releases two parties once both have arrived, or one after a while: a store with locks admits only one at a time. */
function meeting(): () => Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let arrived = 0;
  return () => {
    arrived += 1;
    if (arrived === 2) resolve();
    const timer = setTimeout(resolve, 100);
    return promise.finally(() => clearTimeout(timer));
  };
}

onEveryRepository((store, factory) => {
  /** Two repositories, as in two processes, used in turns. */
  const inTurns = async (): Promise<(i: number) => Repository> => {
    const { repository } = store();
    const other = await store().second();
    return (i) => (i % 2 === 0 ? repository : other);
  };

  describe(`no update of ${WRITERS} at once is lost`, () => {
    test.each([
      ['over the version read', addOneByVersion],
      ['in transactions', addOneByTransaction],
    ])('%s', async (_, addOne) => {
      const repositoryOf = await inTurns();
      const { template_id } = await saveTemplate(repositoryOf(0), { max_number: 1 });
      await Promise.all(Array.from({ length: WRITERS }, (_item, i) => addOne(repositoryOf(i), template_id)));
      for (const i of [0, 1]) {
        const counter = await repositoryOf(i).getEntity('templates', template_id);
        expect(counter).toMatchObject({ max_number: 1 + WRITERS, version: 1 + WRITERS });
      }
    });

    test('in updates of different fields', async () => {
      const repositoryOf = await inTurns();
      const { template_id } = await saveTemplate(repositoryOf(0));
      const updates = Array.from({ length: WRITERS }, (_item, i) =>
        repositoryOf(i).updateEntity('templates', template_id, { [`field_${i}`]: i }),
      );
      const versions = (await Promise.all(updates)).map(({ version }) => version);
      expect(new Set(versions).size).toBe(WRITERS);
      const found = await repositoryOf(0).getEntity('templates', template_id);
      expect(found?.version).toBe(1 + WRITERS);
      for (let i = 0; i < WRITERS; i++) expect(found).toHaveProperty(`field_${i}`, i);
    });

    test('in saves of different entities', async () => {
      const repositoryOf = await inTurns();
      const { template_id } = await saveTemplate(repositoryOf(0));
      const saves = Array.from({ length: WRITERS * 5 }, (_item, i) =>
        repositoryOf(i).saveEntity('requests', request(template_id)),
      );
      const saved = await Promise.all(saves);
      for (const i of [0, 1]) {
        const { items } = await repositoryOf(i).getEntities(
          'requests',
          saved.map(({ request_id }) => request_id),
        );
        expect(items).toEqual(saved);
      }
    });
  });

  test('of several creations of the same entity, one succeeds', async () => {
    const repositoryOf = await inTurns();
    const id = newId('template');
    const creations = Array.from({ length: WRITERS }, (_item, i) =>
      repositoryOf(i).saveEntity('templates', template({ template_id: id, name: `by ${i}` }), { expectedVersion: 0 }),
    );
    const outcomes = await Promise.allSettled(creations);
    const winners = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(winners).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(EntityExistsError);
    }
    expect(await repositoryOf(1).getEntity('templates', id)).toEqual(winners[0]);
  });

  test('two transactions that each rely on what the other changes cannot both commit (write skew)', async () => {
    const repositoryOf = await inTurns();
    const ids = [newId('template'), newId('template')] as const;
    for (const id of ids) await saveTemplate(repositoryOf(0), { template_id: id, max_number: 1 });
    const meet = meeting();
    // The rule: together the two may never go below 1. Each transaction checks it and then takes one away.
    const takeOne = (repository: Repository, id: string) =>
      repository.transaction(async (tx) => {
        const [a, b] = [await tx.getEntity('templates', ids[0]), await tx.getEntity('templates', ids[1])];
        await meet();
        if ((a?.max_number ?? 0) + (b?.max_number ?? 0) < 2) return false;
        await tx.updateEntity('templates', id, { max_number: -1 });
        return true;
      });
    const taken = await Promise.allSettled([takeOne(repositoryOf(0), ids[0]), takeOne(repositoryOf(1), ids[1])]);
    const committed = taken.filter((outcome) => outcome.status === 'fulfilled' && outcome.value);
    expect(committed).toHaveLength(1);
    const { items } = await repositoryOf(0).getEntities('templates', ids);
    expect(items.map(({ max_number }) => max_number).toSorted()).toEqual([-1, 1]);
  });

  test('a transaction that relied on the absence of an entity does not commit once it exists', async () => {
    const repositoryOf = await inTurns();
    const [leader, ...marks] = [newId('template'), newId('template'), newId('template')];
    const meet = meeting();
    const lead = (repository: Repository, mark: string) =>
      repository.transaction(async (tx) => {
        const found = await tx.getEntity('templates', leader as string);
        await meet();
        if (found !== undefined) return false;
        await tx.saveEntity('templates', template({ template_id: leader as string, name: mark }));
        await tx.saveEntity('templates', template({ template_id: mark }));
        return true;
      });
    const outcomes = await Promise.allSettled(marks.map((mark, i) => lead(repositoryOf(i), mark)));
    const leading = outcomes.filter((outcome) => outcome.status === 'fulfilled' && outcome.value);
    expect(leading).toHaveLength(1);
    const { items } = await repositoryOf(0).getEntities('templates', marks);
    expect(items).toHaveLength(1);
    expect((await repositoryOf(0).getEntity('templates', leader as string))?.name).toBe(items[0]?.template_id);
  });

  const testParents = testIfCapable(
    factory.capabilities.protectsParents,
    'it looks for children in an index, which may be behind',
  );
  testParents('a child is never left without its parent, however creation and deletion meet', async () => {
    const repositoryOf = await inTurns();
    for (let round = 0; round < 10; round++) {
      const parent = await saveRequest(repositoryOf(0));
      const child = machine(parent);
      const [created, deleted] = await Promise.allSettled([
        repositoryOf(round).saveEntity('machines', child),
        repositoryOf(round + 1).deleteEntity('requests', parent.request_id),
      ]);
      if (created.status === 'rejected') expect(created.reason).toBeInstanceOf(ReferenceNotFoundError);
      if (deleted.status === 'rejected') expect(deleted.reason).toBeInstanceOf(EntityInUseError);
      expect([created.status, deleted.status].toSorted()).toEqual(['fulfilled', 'rejected']);
      const there = (await repositoryOf(0).getEntity('requests', parent.request_id)) !== undefined;
      expect(there).toBe(created.status === 'fulfilled');
    }
  });

  const testSnapshots = testIfCapable(
    factory.capabilities.snapshotReads,
    'it reads several entities one after the other',
  );
  testSnapshots('readers see a transaction whole or not at all', async () => {
    const repositoryOf = await inTurns();
    const ids = [newId('template'), newId('template'), newId('template')];
    for (const id of ids) await saveTemplate(repositoryOf(0), { template_id: id, max_number: 1 });
    let done = false;
    const writing = (async () => {
      for (let value = 2; value <= 15; value++) {
        await repositoryOf(0).transaction(async (tx) => {
          for (const id of ids) await tx.updateEntity('templates', id, { max_number: value });
        });
      }
      done = true;
    })();
    let latest = 1;
    for (let i = 0; !done; i++) {
      // A store that answers from memory would otherwise never let the writer run.
      await setImmediate();
      const { items } = await repositoryOf(i).getEntities('templates', ids);
      const values = new Set(items.map(({ max_number }) => max_number));
      expect(values.size).toBe(1);
      const [value] = values as Set<number>;
      // Nor does time run backwards.
      expect(value).toBeGreaterThanOrEqual(latest);
      latest = value as number;
    }
    await writing;
    expect((await repositoryOf(1).getEntity('templates', ids[0] as string))?.max_number).toBe(15);
  });
});
