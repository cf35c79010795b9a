import { describe, expect, test } from '@jest/globals';
import {
  ConcurrencyConflictError,
  EntityExistsError,
  EntityInUseError,
  EntityNotFoundError,
  TemplateNotFoundError,
  ValidationError,
} from '../../lib/repository/errors.ts';
import type { Transaction } from '../../lib/repository/repository.ts';
import { knownBeforeCommit } from './commit-times.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { machine, newId, request, saveMachine, saveRequest, saveTemplate, template } from './samples.ts';

onEveryRepository((store, factory) => {
  const known = knownBeforeCommit(factory);

  test('commits everything when the work returns, and returns its result', async () => {
    const { repository } = store();
    const [changed, gone] = [await saveTemplate(repository), await saveTemplate(repository)];
    const fresh = template();
    const result = await repository.transaction(async (tx) => {
      const saved = await tx.saveEntity('templates', fresh);
      const updated = await tx.updateEntity('templates', changed.template_id, { name: 'Changed' });
      await tx.deleteEntity('templates', gone.template_id);
      await tx.checkEntity('templates', changed.template_id);
      return { saved, updated };
    });
    expect(result.saved).toMatchObject({ ...fresh, version: 1 });
    expect(result.updated).toMatchObject({ name: 'Changed', version: 2, created_at: changed.created_at });
    expect(known(await repository.getEntity('templates', fresh.template_id))).toEqual(known(result.saved));
    expect(known(await repository.getEntity('templates', changed.template_id))).toEqual(known(result.updated));
    expect(await repository.getEntity('templates', gone.template_id)).toBeUndefined();
  });

  test('a transaction that does nothing returns its value', async () => {
    expect(await store().repository.transaction(async () => 42)).toBe(42);
    expect(await store().repository.transaction(async () => undefined)).toBeUndefined();
  });

  describe('rolls everything back and rethrows the error of the work:', () => {
    const failures: readonly [string, unknown][] = [
      ['an error', new Error('mine')],
      ['a text', 'text'],
      ['undefined', undefined],
    ];
    test.each(failures)('%s', async (_, thrown) => {
      const { repository } = store();
      const [changed, gone] = [await saveTemplate(repository), await saveTemplate(repository)];
      const fresh = template();
      const outcome = await repository
        .transaction(async (tx) => {
          await tx.saveEntity('templates', fresh);
          await tx.updateEntity('templates', changed.template_id, { name: 'Changed' });
          await tx.deleteEntity('templates', gone.template_id);
          throw thrown;
        })
        .then(
          () => 'committed',
          (error: unknown) => ({ error }),
        );
      expect(outcome).toEqual({ error: thrown });
      expect((outcome as { error: unknown }).error).toBe(thrown);
      expect(await repository.getEntity('templates', fresh.template_id)).toBeUndefined();
      expect(await repository.getEntity('templates', changed.template_id)).toEqual(changed);
      expect(await repository.getEntity('templates', gone.template_id)).toEqual(gone);
      // And the store keeps working.
      expect((await saveTemplate(repository, { template_id: fresh.template_id })).version).toBe(1);
    });

    const refusals: readonly [
      string,
      new (...args: never[]) => Error,
      (tx: Transaction, id: string) => Promise<unknown>,
    ][] = [
      ['an invalid entity', ValidationError, (tx, id) => tx.updateEntity('templates', id, { max_number: 0 })],
      ['a missing entity', EntityNotFoundError, (tx) => tx.updateEntity('templates', newId('t'), {})],
      ['a failed check', EntityNotFoundError, (tx) => tx.checkEntity('templates', newId('t'))],
      [
        'an id taken',
        EntityExistsError,
        (tx, id) => tx.saveEntity('templates', template({ template_id: id, version: 0 })),
      ],
      [
        'a conflict',
        ConcurrencyConflictError,
        (tx, id) => tx.updateEntity('templates', id, {}, { expectedVersion: 9 }),
      ],
      ['a missing parent', TemplateNotFoundError, (tx) => tx.saveEntity('requests', request(newId('t')))],
    ];
    test.each(refusals)('%s', async (_, kind, refused) => {
      const { repository } = store();
      const { template_id } = await saveTemplate(repository);
      const fresh = template();
      const error = await rejection(
        repository.transaction(async (tx) => {
          await tx.saveEntity('templates', fresh);
          await refused(tx, template_id);
        }),
      );
      expect(error).toBeInstanceOf(kind);
      expect(await repository.getEntity('templates', fresh.template_id)).toBeUndefined();
    });
  });

  test('reads see the writes of the transaction', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository);
    const id = saved.template_id;
    await repository.transaction(async (tx) => {
      expect(await tx.getEntity('templates', id)).toEqual(saved);
      const one = await tx.updateEntity('templates', id, { name: 'One' });
      expect(await tx.getEntity('templates', id)).toEqual(one);
      const two = await tx.updateEntity('templates', id, { image_id: 'i' }, { expectedVersion: one.version });
      expect(two).toMatchObject({ name: 'One', image_id: 'i', version: 3 });
      await tx.deleteEntity('templates', id);
      expect(await tx.getEntity('templates', id)).toBeUndefined();
      await expect(tx.updateEntity('templates', id, {})).rejects.toBeInstanceOf(EntityNotFoundError);
      const again = await tx.saveEntity('templates', template({ template_id: id }), { expectedVersion: 0 });
      expect(again.version).toBe(1);
      expect(await tx.getEntity('templates', id)).toEqual(again);
    });
    expect(await repository.getEntity('templates', id)).toMatchObject({ name: 'Standard', version: 1 });
  });

  test('parents and children come and go in one transaction', async () => {
    const { repository } = store();
    const [t, r] = [template(), request('')];
    const m = { machine_id: newId('machine'), request_id: r.request_id, status: 'NEW' };
    await repository.transaction(async (tx) => {
      await tx.saveEntity('templates', t);
      await tx.saveEntity('requests', { ...r, template_id: t.template_id });
      const saved = await tx.saveEntity('machines', m);
      expect(saved.template_id).toBe(t.template_id);
      await expect(tx.deleteEntity('requests', r.request_id)).rejects.toBeInstanceOf(EntityInUseError);
    });
    expect(await repository.getEntity('machines', m.machine_id)).toMatchObject(m);
    await repository.transaction(async (tx) => {
      await tx.deleteEntity('machines', m.machine_id);
      await tx.deleteEntity('requests', r.request_id);
      await tx.deleteEntity('templates', t.template_id);
      await expect(tx.saveEntity('requests', request(t.template_id))).rejects.toBeInstanceOf(TemplateNotFoundError);
    });
    expect(await repository.getEntity('templates', t.template_id)).toBeUndefined();
  });

  test('a refusal that the work catches does not affect the rest of the transaction', async () => {
    const { repository } = store();
    const [one, two] = [await saveTemplate(repository), await saveTemplate(repository)];
    await repository.transaction(async (tx) => {
      await tx.updateEntity('templates', one.template_id, { name: 'Before' });
      await expect(tx.saveEntity('templates', { ...two, version: 7 })).rejects.toBeInstanceOf(ConcurrencyConflictError);
      await tx.updateEntity('templates', two.template_id, { name: 'After' });
    });
    expect((await repository.getEntity('templates', one.template_id))?.name).toBe('Before');
    expect((await repository.getEntity('templates', two.template_id))?.name).toBe('After');
  });

  test('operations may run concurrently inside a transaction', async () => {
    const { repository } = store();
    const { template_id } = await saveTemplate(repository);
    const requests = Array.from({ length: 20 }, () => request(template_id));
    await repository.transaction(async (tx) => {
      await Promise.all(requests.map((entity) => tx.saveEntity('requests', entity)));
    });
    const { count } = await repository.countEntities('requests', { filters: { template_id } });
    expect(count).toBe(20);
  });

  test('uncommitted writes are invisible to others', async () => {
    const { repository } = store();
    const reader = await store().second();
    const [one, two] = [await saveTemplate(repository), await saveTemplate(repository)];
    const ids = [one.template_id, two.template_id];
    const reads: ReturnType<typeof reader.getEntities<'templates'>>[] = [];
    await repository.transaction(async (tx) => {
      for (const id of ids) {
        await tx.updateEntity('templates', id, { name: 'Changed' });
        // A store with locks may let the read wait for the end, so it is not awaited here.
        reads.push(reader.getEntities('templates', ids), repository.getEntities('templates', ids));
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    });
    for (const { items } of await Promise.all(reads)) {
      expect(['Standard,Standard', 'Changed,Changed']).toContain(items.map(({ name }) => name).join());
    }
  });

  test('rolled-back writes are never visible', async () => {
    const { repository } = store();
    const reader = await store().second();
    const { template_id } = await saveTemplate(repository);
    const reads: ReturnType<typeof reader.getEntity<'templates'>>[] = [];
    const failing = repository.transaction(async (tx) => {
      await tx.updateEntity('templates', template_id, { name: 'Never' });
      reads.push(reader.getEntity('templates', template_id), repository.getEntity('templates', template_id));
      await new Promise((resolve) => setTimeout(resolve, 20));
      throw new Error('back');
    });
    await expect(failing).rejects.toThrow('back');
    for (const read of await Promise.all(reads)) expect(read?.name).toBe('Standard');
  });

  test('a transaction that has ended refuses every call', async () => {
    const { repository } = store();
    const saved = await saveMachine(repository);
    const fresh = template();
    let ended: Transaction | undefined;
    await repository.transaction(async (tx) => {
      ended = tx;
    });
    const tx = ended as Transaction;
    const calls = [
      () => tx.saveEntity('templates', fresh),
      () => tx.getEntity('machines', saved.machine_id),
      () => tx.updateEntity('machines', saved.machine_id, { status: 'X' }),
      () => tx.deleteEntity('machines', saved.machine_id),
      () => tx.checkEntity('machines', saved.machine_id),
      () => tx.queryEntities('machines'),
      () => tx.queryEntities('machines', { filters: { status: 'nothing has it' } }),
      () => tx.countEntities('machines'),
    ];
    for (const call of calls) expect((await rejection(call())).code).toBe('unsupported_operation');
    expect(await repository.getEntity('machines', saved.machine_id)).toEqual(saved);
    expect(await repository.getEntity('templates', fresh.template_id)).toBeUndefined();
  });

  test('the input and the results of a transaction are not shared with the caller', async () => {
    const { repository } = store();
    const sent = { ...(await saveRequest(repository)), tags: { list: [1] } };
    await repository.transaction(async (tx) => {
      const saved = await tx.saveEntity('requests', sent);
      sent.tags.list.push(2);
      (saved.tags as typeof sent.tags).list.push(3);
      const read = (await tx.getEntity('requests', sent.request_id)) as unknown as typeof sent;
      expect(read.tags).toEqual({ list: [1] });
      read.tags.list.push(4);
      expect((await tx.getEntity('requests', sent.request_id))?.tags).toEqual({ list: [1] });
    });
    expect((await repository.getEntity('requests', sent.request_id))?.tags).toEqual({ list: [1] });
  });

  test('a machine in a transaction may refer to the result of another transaction', async () => {
    const { repository } = store();
    const parent = await repository.transaction((tx) => saveRequest(tx));
    const child = await repository.transaction((tx) => tx.saveEntity('machines', machine(parent)));
    expect(known(await repository.getEntity('machines', child.machine_id))).toEqual(known(child));
  });
});
