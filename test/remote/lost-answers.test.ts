/** Calls whose connection breaks: which are retried, and which are reported as possibly stored. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import type { HttpRepository } from '../../lib/remote/http-repository.ts';
import { AnswerLostError } from '../../lib/remote/remote-errors.ts';
import { StorageUnavailableError } from '../../lib/repository/errors.ts';
import { rejection } from '../contract/rejection.ts';
import { newId, request, saveTemplate, template } from '../contract/samples.ts';
import type { Fate } from './gateway.ts';
import { quick, type RemoteApi, startRemoteApi } from './remote-api.ts';

let remote: RemoteApi;
let repository: HttpRepository;
beforeAll(async () => {
  remote = await startRemoteApi();
  repository = remote.open();
});
afterEach(() => remote.gateway.calm());
afterAll(() => remote.close());

/** Calls of the gateway while `work` runs. */
async function callsOf(work: () => Promise<unknown>): Promise<string[]> {
  const before = remote.gateway.calls.length;
  await work();
  return remote.gateway.calls.slice(before);
}

const breaks: readonly Fate[] = ['lose request', 'lose answer', 'break answer', { status: 502 }, { status: 504 }];

describe.each(breaks)('after %j', (fate) => {
  test('reads are retried', async () => {
    const saved = await saveTemplate(repository);
    const id = saved.template_id;
    remote.gateway.fate(/GET|batch.get/, fate);
    expect(await repository.getEntity('templates', id)).toEqual(saved);
    remote.gateway.fate(/GET|batch.get/, fate, fate, fate);
    expect(await repository.getEntities('templates', [id])).toEqual({ items: [saved], missing: [] });
    remote.gateway.fate(/GET|batch.get/, fate);
    const filters = { template_id: id };
    expect((await repository.queryEntities('templates', { filters })).items).toEqual([saved]);
    remote.gateway.fate(/GET|batch.get/, fate);
    expect(await repository.countEntities('templates', { filters })).toEqual({ count: 1 });
    remote.gateway.fate(/transactions/, fate);
    await repository.checkEntity('templates', id, { expectedVersion: 1 });
  });

  test('writes without a version are sent once, and may have been stored or not', async () => {
    const id = newId('once');
    const stored = fate === 'lose answer' || fate === 'break answer';
    const versionNow = async () => (await remote.api.repository.getEntity('templates', id))?.version ?? 0;
    const writes: (() => Promise<unknown>)[] = [
      () => repository.saveEntity('templates', template({ template_id: id })),
      () => repository.saveEntity('templates', template({ template_id: id }), { expectedVersion: 'exists' }),
      () => repository.updateEntity('templates', id, { name: 'B' }),
    ];
    for (const write of writes) {
      await saveTemplate(remote.api.repository, { template_id: id });
      const before = await versionNow();
      remote.gateway.fate(/PUT|PATCH/, fate);
      const calls = await callsOf(async () => {
        const error = await rejection(write());
        expect(error).toBeInstanceOf(AnswerLostError);
        expect(error).toBeInstanceOf(StorageUnavailableError);
        expect(error.message).toMatch(
          /^(PUT|PATCH) \/v1\/templates\/once-\d+ may have been stored or not: .*Read the stored entities/,
        );
      });
      expect(calls).toHaveLength(1);
      expect(await versionNow()).toBe(before + (stored ? 1 : 0));
    }
    remote.gateway.fate(/DELETE/, fate);
    expect(await rejection(repository.deleteEntity('templates', id))).toBeInstanceOf(AnswerLostError);
    expect((await versionNow()) === 0).toBe(stored);
  });

  test('a provision call is retried, and creates nothing twice', async () => {
    const { template_id } = await saveTemplate(repository, { max_number: -1 });
    for (const order of [
      { template_id, machine_count: 3 },
      { template_id, machine_count: 2, request_id: newId('r') },
    ]) {
      remote.gateway.fate(/provision/, fate, fate);
      const { request: made, machines } = await repository.provision(order);
      expect(machines).toHaveLength(order.machine_count);
      const filters = { request_id: made.request_id };
      expect(await repository.countEntities('machines', { filters })).toEqual({ count: order.machine_count });
    }
    expect((await repository.countEntities('requests', { filters: { template_id } })).count).toBe(2);
  });
});

describe('writes that expect a version are retried', () => {
  test('and succeed if the first did not arrive', async () => {
    const id = newId('guarded');
    const lost = () => remote.gateway.fate(/PUT|PATCH|DELETE|transactions/, 'lose request', { status: 503 });
    lost();
    const options = { expectedVersion: 0 };
    expect((await repository.saveEntity('templates', template({ template_id: id }), options)).version).toBe(1);
    lost();
    expect((await repository.saveEntity('templates', template({ template_id: id, version: 1 }))).version).toBe(2);
    lost();
    expect((await repository.updateEntity('templates', id, { version: 2 })).version).toBe(3);
    lost();
    await repository.deleteEntity('templates', id, { expectedVersion: 3 });
    lost();
    const [created] = await repository.createTogether([{ collection: 'templates', entity: template() }]);
    expect(created?.version).toBe(1);
  });

  test('and if the retry finds another version, which may be its own, the outcome is unknown', async () => {
    const id = newId('guarded');
    const writes: readonly [RegExp, number, () => Promise<unknown>][] = [
      [/PUT/, 1, () => repository.saveEntity('templates', template({ template_id: id }), { expectedVersion: 0 })],
      [/PATCH/, 2, () => repository.updateEntity('templates', id, { name: 'B' }, { expectedVersion: 1 })],
      [/transactions/, 3, () => repository.transaction((tx) => tx.updateEntity('templates', id, { name: 'C' }))],
      [/DELETE/, 0, () => repository.deleteEntity('templates', id, { expectedVersion: 3 })],
      [
        /transactions/,
        1,
        () => repository.createTogether([{ collection: 'templates', entity: template({ template_id: id }) }]),
      ],
    ];
    for (const [pattern, version, write] of writes) {
      remote.gateway.fate(pattern, 'lose answer');
      const error = await rejection(write());
      expect(error).toBeInstanceOf(AnswerLostError);
      expect(error.message).toContain('its answer was lost, and the retry was refused (');
      expect((await remote.api.repository.getEntity('templates', id))?.version ?? 0).toBe(version);
    }
  });

  test('a conflict without a lost answer is a conflict', async () => {
    const { template_id } = await saveTemplate(repository);
    remote.gateway.fate(/PATCH/, { status: 429 });
    const error = await rejection(repository.updateEntity('templates', template_id, {}, { expectedVersion: 7 }));
    expect(error).toMatchObject({ code: 'concurrency_conflict', currentVersion: 1 });
  });
});

describe('a transaction', () => {
  test('whose commit did not arrive is committed by the next attempt, and its work runs once', async () => {
    const { template_id } = await saveTemplate(repository);
    let runs = 0;
    remote.gateway.fate(/transactions/, 'lose request');
    await repository.transaction(async (tx) => {
      runs += 1;
      await tx.updateEntity('templates', template_id, { name: 'Once' });
    });
    expect(runs).toBe(1);
    expect(await repository.getEntity('templates', template_id)).toMatchObject({ name: 'Once', version: 2 });
  });

  test('that only reads runs again if something has changed, also after a lost answer', async () => {
    const [one, two] = [await saveTemplate(repository), await saveTemplate(repository)];
    let runs = 0;
    remote.gateway.fate(/transactions/, 'lose answer');
    const names = await repository.transaction(async (tx) => {
      runs += 1;
      const first = await tx.getEntity('templates', one.template_id);
      if (runs === 1) await remote.api.repository.updateEntity('templates', one.template_id, { name: 'New' });
      return [first?.name, (await tx.getEntity('templates', two.template_id))?.name];
    });
    expect({ runs, names }).toEqual({ runs: 2, names: ['New', 'Standard'] });
  });

  test('is given up if others are faster each time', async () => {
    const [one, two] = [await saveTemplate(repository), await saveTemplate(repository)];
    const racing = repository.transaction(async (tx) => {
      await tx.getEntity('templates', one.template_id);
      await remote.api.repository.updateEntity('templates', one.template_id, {});
      await tx.updateEntity('templates', two.template_id, {});
    });
    expect(await rejection(racing)).toMatchObject({
      code: 'storage_unavailable',
      message: expect.stringContaining('The transaction ran 50 times'),
    });
    expect((await repository.getEntity('templates', two.template_id))?.version).toBe(1);
  });
});

describe('a batch', () => {
  /** Sixteen of these fit into one call. */
  const large = () => template({ filler: 'x'.repeat(300_000) });

  test('that does not fit into one call or one answer is split over several', async () => {
    const batch = Array.from({ length: 40 }, large);
    const calls = await callsOf(async () => {
      const results = await repository.saveEntities('templates', batch);
      expect(results.map(({ status, id }) => `${status} ${id}`)).toEqual(
        batch.map(({ template_id }) => `saved ${template_id}`),
      );
    });
    expect(calls.filter((call) => call.endsWith('/batch/save'))).toHaveLength(3);
    expect(calls.filter((call) => call.endsWith('/batch/get'))).toHaveLength(3);
  });

  test('reports what is known of each entity if a part of it is lost', async () => {
    const batch = Array.from({ length: 40 }, large);
    remote.gateway.fate(/batch.save/, 'pass', 'lose answer');
    const results = await repository.saveEntities('templates', batch);
    const parts = Map.groupBy(results, (result) =>
      result.status === 'saved' ? 'saved' : result.error instanceof AnswerLostError ? 'lost' : result.error.message,
    );
    const unsent = 'The entity was not sent because those before it could not be saved. Try again in a while.';
    expect([...parts].map(([name, { length }]) => [name, length])).toEqual([
      ['saved', 16],
      ['lost', 16],
      [unsent, 8],
    ]);
    const ids = batch.map(({ template_id }) => template_id);
    const { missing } = await remote.api.repository.getEntities('templates', ids);
    expect(missing).toEqual(ids.slice(32));
  });

  test('of which nothing could be sent is an error as a whole', async () => {
    remote.gateway.fate(/batch.save/, ...Array.from({ length: quick.attempts }, () => ({ status: 429 })));
    const error = await rejection(repository.saveEntities('templates', [template(), template()]));
    expect(error.message).toContain('receives too many calls now');
  });

  test('of only new entities is retried; a conflict may then be its own', async () => {
    const batch = [template({ version: 0 }), template({ version: 0 })];
    remote.gateway.fate(/batch.save/, 'lose request');
    const results = await repository.saveEntities('templates', batch);
    expect(results.map(({ status }) => status)).toEqual(['saved', 'saved']);
    const again = [template({ version: 0 }), template({ version: 0, max_number: 0 })];
    remote.gateway.fate(/batch.save/, 'lose answer');
    const [lost, invalid] = await repository.saveEntities('templates', again);
    expect(lost).toMatchObject({ status: 'failed', error: expect.any(AnswerLostError) });
    expect(invalid).toMatchObject({ status: 'invalid' });
    expect(await repository.getEntity('templates', again[0]?.template_id as string)).toMatchObject({ version: 1 });
  });
});

describe('waiting', () => {
  test('lasts as long as Retry-After says', async () => {
    const headers = { 'Retry-After': '1' };
    remote.gateway.fate(/GET/, { status: 503, headers });
    const start = performance.now();
    await repository.getEntity('templates', 'none');
    expect(performance.now() - start).toBeGreaterThanOrEqual(990);
    remote.gateway.fate(/GET/, { status: 429, headers: { 'Retry-After': '3600' } });
    expect(await rejection(repository.getEntity('templates', 'none'))).toMatchObject({
      message: expect.stringMatching(/receives too many calls now \(429\) and asks to wait 3600 s\. Try again/),
    });
  });

  test('too many calls are refused before anything is done, so every call is retried', async () => {
    remote.gateway.fate(/PUT/, { status: 429 }, { status: 429 });
    expect((await saveTemplate(repository)).version).toBe(1);
  });

  test('ends with the time limit of a call, and of all attempts', async () => {
    const policy = { ...quick, attemptMs: 1_000, totalMs: 3_000, attempts: 100 };
    const hasty = remote.open({ policy });
    const { template_id } = await saveTemplate(repository);
    remote.gateway.fate(/GET/, 'hang');
    expect(await hasty.getEntity('templates', template_id)).toMatchObject({ version: 1 });
    remote.gateway.fate(/GET/, ...Array.from({ length: 6 }, (): Fate => 'hang'));
    const start = performance.now();
    const error = await rejection(hasty.getEntity('templates', template_id));
    expect(error).toBeInstanceOf(StorageUnavailableError);
    expect(error.message).toContain('gave no answer: no answer arrived within');
    expect(performance.now() - start).toBeLessThan(60_000);
    remote.gateway.fate(/PATCH/, 'hang');
    expect(await rejection(hasty.updateEntity('templates', template_id, {}))).toBeInstanceOf(AnswerLostError);
  });
});

test('an unreachable service: every call that was not sent is retried', async () => {
  const other = await startRemoteApi();
  const { port } = other.gateway;
  await other.gateway.close();
  const patient = remote.open({ url: `http://127.0.0.1:${port}`, policy: { ...quick, attempts: 3 } });
  const error = await rejection(patient.saveEntity('requests', request('t')));
  expect(error).toBeInstanceOf(StorageUnavailableError);
  expect(error).not.toBeInstanceOf(AnswerLostError);
  expect(error.message).toBe(
    `http://127.0.0.1:${port} cannot be reached: connection refused. Check the URL, and that the service runs.`,
  );
  await other.api.close();
});

test('calls share connections', async () => {
  const { gateway } = remote;
  const fresh = remote.open();
  const before = gateway.connections;
  for (let i = 0; i < 50; i++) await fresh.getEntity('templates', 'none');
  expect(gateway.connections - before).toBe(1);
});

test('closing waits for calls in progress', async () => {
  const closing = remote.open();
  const saving = Array.from({ length: 20 }, () => closing.saveEntity('templates', template()));
  await closing.close();
  expect((await Promise.all(saving)).every(({ version }) => version === 1)).toBe(true);
  expect(await rejection(closing.health())).toMatchObject({ code: 'storage_unavailable' });
});
