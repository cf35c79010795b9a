import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { StorageError } from '../../lib/repository/errors.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { onEveryRepository } from './on-every-store.ts';
import { queryAll } from './paging.ts';
import { machine, request, saveAll, saveMachine, saveRequest, saveTemplate, template } from './samples.ts';
import type { OpenRepository } from './stores.ts';

/** Everything in a store. */
const contents = async (repository: Repository) => ({
  templates: await queryAll(repository, 'templates', { orderBy: 'template_id' }),
  requests: await queryAll(repository, 'requests', { orderBy: 'request_id' }),
  machines: await queryAll(repository, 'machines', { orderBy: 'machine_id' }),
});

/** Writes of every kind, so that a store has something to keep of each. */
async function writeOfEveryKind({ repository, strategy }: OpenRepository): Promise<void> {
  const { template_id } = await saveTemplate(repository, { attributes: { text: 'ü 漢字 😀' } });
  const saved = await repository.saveEntity('requests', request(template_id));
  await saveAll(
    repository,
    'machines',
    Array.from({ length: 20 }, () => machine(saved)),
  );
  await repository.updateEntity('requests', saved.request_id, { status: 'RUNNING', tags: { a: [] } });
  const gone = await saveMachine(repository);
  await repository.deleteEntity('machines', gone.machine_id);
  const other = await saveRequest(repository);
  await repository.transaction(async (tx) => {
    await tx.updateEntity('templates', template_id, { name: 'In a transaction' });
    await tx.saveEntity('machines', machine(other));
    await tx.deleteEntity('requests', gone.request_id);
  });
  await repository.createTogether([{ collection: 'templates', entity: template() }]);
  await strategy?.load('templates', [{ ...template(), version: 9 }]);
}

onEveryRepository((_, factory) => {
  test('a new store is empty and healthy', async () => {
    await using open = await factory.open();
    await open.repository.health();
    expect(await contents(open.repository)).toEqual({ templates: [], requests: [], machines: [] });
    expect(open.repository.capabilities).toEqual(factory.capabilities);
  });

  test('nothing is lost by closing and opening again', async () => {
    await using open = await factory.open();
    await writeOfEveryKind(open);
    const before = await contents(open.repository);
    for (let round = 0; round < 3; round++) {
      await open.reopen();
      expect(await contents(open.repository)).toStrictEqual(before);
    }
    await writeOfEveryKind(open);
    const after = await contents(open.repository);
    expect(after.machines).toHaveLength(2 * before.machines.length);
    await open.reopen();
    expect(await contents(open.repository)).toStrictEqual(after);
  });

  test('nothing is lost by a crash, not even writes after an earlier crash', async () => {
    await using open = await factory.open();
    await writeOfEveryKind(open);
    const before = await contents(open.repository);
    await open.crash();
    expect(await contents(open.repository)).toStrictEqual(before);
    await writeOfEveryKind(open);
    const after = await contents(open.repository);
    await open.crash();
    await open.crash();
    expect(await contents(open.repository)).toStrictEqual(after);
    await open.reopen();
    expect(await contents(open.repository)).toStrictEqual(after);
  });

  test('opening a store and closing it changes nothing', async () => {
    await using open = await factory.open();
    await writeOfEveryKind(open);
    const before = await contents(open.repository);
    const idle = await open.second();
    await saveTemplate(open.repository, { template_id: 'later' });
    await idle.close();
    const after = await contents(open.repository);
    expect(after.templates).toHaveLength(before.templates.length + 1);
    await open.reopen();
    expect(await contents(open.repository)).toStrictEqual(after);
  });

  test('another repository on the same data sees every write, in queries after the time that the store declares', async () => {
    await using open = await factory.open();
    const other = await open.second();
    const { queryStaleness } = factory.capabilities;
    for (let round = 0; round < (queryStaleness === 0 ? 5 : 2); round++) {
      await writeOfEveryKind(open);
      // A store that declares no bound is still up to date by then in tests.
      await sleep(Math.min(queryStaleness, 1000));
      expect(await contents(other)).toStrictEqual(await contents(open.repository));
      const saved = await saveTemplate(other);
      expect(await open.repository.getEntity('templates', saved.template_id)).toEqual(saved);
      await other.deleteEntity('templates', saved.template_id);
      expect(await open.repository.getEntity('templates', saved.template_id)).toBeUndefined();
    }
  });

  test('closing twice is not an error; a closed repository refuses every call', async () => {
    await using open = await factory.open();
    const { template_id } = await saveTemplate(open.repository);
    const closed = await open.second();
    await closed.close();
    await closed.close();
    const calls = [
      closed.getEntity('templates', template_id),
      closed.getEntities('templates', [template_id]),
      closed.queryEntities('templates'),
      closed.countEntities('templates'),
      closed.saveEntity('templates', template()),
      closed.updateEntity('templates', template_id, { name: 'X' }),
      closed.deleteEntity('templates', template_id),
      closed.transaction(async (tx) => tx.getEntity('templates', template_id)),
      closed.createTogether([{ collection: 'templates', entity: template() }]),
      closed.health(),
    ];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: expect.any(StorageError) });
    }
    expect(await open.repository.countEntities('templates')).toEqual({ count: 1 });
  });

  test('writes in progress when the repository is closed are finished or refused, never half done', async () => {
    await using open = await factory.open();
    const closing = await open.second();
    const { template_id } = await saveTemplate(open.repository);
    const writes = Array.from({ length: 30 }, () => closing.saveEntity('requests', request(template_id)));
    const [outcomes] = await Promise.all([Promise.allSettled(writes), closing.close()]);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(StorageError);
    }
    const saved = outcomes.flatMap((outcome) => (outcome.status === 'fulfilled' ? [outcome.value.request_id] : []));
    await open.crash();
    const found = await queryAll(open.repository, 'requests', { filters: { template_id }, orderBy: 'request_id' });
    expect(found.map(({ request_id }) => request_id)).toEqual(saved.toSorted());
  });

  test('`await using` closes the repository', async () => {
    await using open = await factory.open();
    let kept: Repository;
    {
      await using repository = await open.second();
      await saveTemplate(repository);
      kept = repository;
    }
    await expect(kept.countEntities('templates')).rejects.toBeInstanceOf(StorageError);
    expect(await open.repository.countEntities('templates')).toEqual({ count: 1 });
  });
});
