/** A transaction whose connection breaks at any message: it is stored once, and that is reported. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import type { Repository, Transaction } from '../../../../lib/repository/repository.ts';
import type { CutRule } from '../../../backends/cutting-proxy.ts';
import { machine, newId, request, saveMachine } from '../../../contract/samples.ts';
import { everyCut } from './every-cut.ts';
import { unavailability } from './readable.ts';
import { openBehindProxy } from './store-behind-proxy.ts';

/** Reads a template, creates a request for it with three machines, counts in the template, and deletes a machine. */
class Provision {
  runs = 0;
  readonly #template: string;
  readonly #old: string;
  readonly #request = newId('request');
  readonly #machines = [newId('machine'), newId('machine'), newId('machine')];

  private constructor(template: string, old: string) {
    this.#template = template;
    this.#old = old;
  }

  static async prepare(repository: Repository): Promise<Provision> {
    const { machine_id, template_id } = await saveMachine(repository);
    return new Provision(template_id, machine_id);
  }

  async run(tx: Transaction): Promise<void> {
    this.runs += 1;
    const template_id = this.#template;
    const template = await tx.getEntity('templates', template_id);
    const saved = await tx.saveEntity('requests', request(template_id, { request_id: this.#request }));
    for (const machine_id of this.#machines) await tx.saveEntity('machines', machine(saved, { machine_id }));
    await tx.updateEntity('templates', template_id, { max_number: (template?.max_number ?? 0) + 1 });
    await tx.deleteEntity('machines', this.#old);
  }

  /** What is stored of it. */
  async stored(repository: Repository): Promise<unknown> {
    const template = await repository.getEntity('templates', this.#template);
    const requests = await repository.getEntities('requests', [this.#request]);
    const machines = await repository.getEntities('machines', [...this.#machines, this.#old]);
    return {
      template: [template?.max_number, template?.version],
      created: [...requests.items, ...machines.items.filter(({ machine_id }) => machine_id !== this.#old)].map(
        ({ version }) => version,
      ),
      old: machines.items.some(({ machine_id }) => machine_id === this.#old),
    };
  }
}

const STORED_ONCE = { template: [11, 2], created: [1, 1, 1, 1], old: false };

test.each<[string, CutRule, number]>([
  ['a message that never reaches the server', { how: 'before' }, 49],
  ['a message that the server has acted on', { how: 'after' }, 49],
  ['an answer', { from: 'server', how: 'before' }, 60],
])('cut at any %s: stored once, and that is reported', async (_, rule, atLeast) => {
  await using behind = await openBehindProxy();
  const { store, proxy, direct } = behind;
  const cuts: (readonly [message: string, runs: number])[] = [];
  for await (const cut of everyCut(proxy, rule)) {
    const provision = await Provision.prepare(direct);
    // A new connection, on which no statement is prepared yet.
    proxy.cut();
    await store.health();
    cut.arm();
    await store.transaction((tx) => provision.run(tx));
    expect(await provision.stored(direct)).toEqual(STORED_ONCE);
    if (cut.message !== undefined) cuts.push([cut.message, provision.runs]);
  }
  expect(cuts.length).toBeGreaterThanOrEqual(atLeast);
  if (rule.from === 'server') return;
  for (const part of [
    /^BEGIN/,
    /of SELECT/,
    /of INSERT INTO "requests"/,
    /of INSERT INTO "machines"/,
    /of UPDATE/,
    /of DELETE/,
  ]) {
    expect(cuts.filter(([message]) => part.test(message))).not.toEqual([]);
  }
  // Cut at BEGIN, the work has not begun; cut after COMMIT, it is done. In between it restarts.
  const expected = cuts.map(([message]) => {
    if (message.startsWith('BEGIN')) return 1;
    return message === 'COMMIT' && rule.how === 'after' ? 1 : 2;
  });
  expect(cuts.map(([, runs]) => runs)).toEqual(expected);
  expect(cuts.at(-1)?.[0]).toBe('COMMIT');
});

const COMMIT_ANSWER: CutRule = { text: /^COMMIT$/, how: 'after' };

test('a lost answer to COMMIT, and a server that is unreachable at first: it is asked again', async () => {
  await using behind = await openBehindProxy();
  const { store, proxy, direct } = behind;
  const provision = await Provision.prepare(direct);
  const lost = proxy.cutAt(COMMIT_ANSWER).then(() => proxy.refuse(true));
  const transaction = store.transaction((tx) => provision.run(tx));
  await lost;
  await sleep(500);
  await proxy.refuse(false);
  await transaction;
  expect(provision.runs).toBe(1);
  expect(await provision.stored(direct)).toEqual(STORED_ONCE);
});

test('a lost answer to COMMIT, and a server that is unreachable for the whole timeout: it is not run again', async () => {
  await using behind = await openBehindProxy({ timeout: 0.5 });
  const { store, proxy, direct } = behind;
  const provision = await Provision.prepare(direct);
  const lost = proxy.cutAt(COMMIT_ANSWER).then(() => proxy.refuse(true));
  const { message } = await unavailability(store.transaction((tx) => provision.run(tx)));
  await lost;
  expect(message).toMatch(/may or may not have been stored: read the record before you repeat it\./);
  await proxy.refuse(false);
  expect(provision.runs).toBe(1);
  expect(await provision.stored(store)).toEqual(STORED_ONCE);
});
