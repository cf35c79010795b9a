/** What jobs promise, whoever runs them: processes of this machine, or executions of state machines. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';

export interface JobsReply {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** A service with a store of a few templates, and with an empty one to migrate to. */
export interface JobsUnderTest {
  call(method: 'GET' | 'POST', path: string, body?: object): Promise<JobsReply>;
  /** Source and target, as the body of a call names them. */
  readonly between: object;
}

const ENDED = ['succeeded', 'differences', 'failed', 'interrupted', 'complete', 'incomplete', 'damaged'];

/** @param service opened before the first test */
export function describeJobs(service: () => JobsUnderTest): void {
  const call: JobsUnderTest['call'] = (...args) => service().call(...args);
  const migration = (migration_id: string, more: object = {}) => ({
    migration_id,
    create_backup: false,
    merge: true,
    ...service().between,
    ...more,
  });
  const stateOf = (body: JobsReply['body']): string => String(body.state);
  const ended = async (id: string): Promise<JobsReply['body']> => {
    for (;;) {
      const { body } = await call('GET', `/v1/migrations/${id}`);
      if (ENDED.includes(stateOf(body))) return body;
      await sleep(100);
    }
  };
  const backups = async () => (await call('GET', '/v1/backups')).body.items as { id: string; state: string }[];
  const backedUp = async (id: string) => {
    for (;;) {
      const found = (await backups()).find((backup) => backup.id === id);
      if (found !== undefined && ENDED.includes(found.state)) return found;
      await sleep(100);
    }
  };

  test('a migration is started once, however often it is asked for, and its end can be seen', async () => {
    const replies = await Promise.all([1, 2, 3].map(() => call('POST', '/v1/migrations', migration('once'))));
    expect(replies.map(({ status, body }) => [status, body.id])).toEqual([1, 2, 3].map(() => [202, 'once']));
    expect(await ended('once')).toMatchObject({ state: 'succeeded', collections: { templates: { skipped: 0 } } });
    const again = await call('POST', '/v1/migrations', migration('once'));
    expect(again).toMatchObject({ status: 202, body: { id: 'once', state: 'succeeded' } });
  });

  test('another order under its id is refused, and changes nothing', async () => {
    const other = await call('POST', '/v1/migrations', migration('once', { batch_size: 7 }));
    expect(other).toMatchObject({ status: 409, body: { type: 'urn:hostfactory:problem:request_differs' } });
    expect((await call('GET', '/v1/migrations/once')).body).toMatchObject({ state: 'succeeded' });
  });

  test('an unknown migration is 404', async () => {
    expect(await call('GET', '/v1/migrations/nobody')).toMatchObject({ status: 404 });
  });

  test('migrations run in the order in which they were ordered, one at a time', async () => {
    const ids = ['first', 'second', 'third'];
    for (const id of ids) expect((await call('POST', '/v1/migrations', migration(id))).status).toBe(202);
    const seen = new Set<string>();
    let all: { id: string; state: string }[];
    do {
      all = ((await call('GET', '/v1/migrations')).body.items as typeof all).filter(({ id }) => ids.includes(id));
      const running = all.filter(({ state }) => state === 'running').map(({ id }) => id);
      expect(running.length).toBeLessThanOrEqual(1);
      for (const id of running) seen.add(id);
      await sleep(50);
    } while (all.some(({ state }) => !ENDED.includes(state)));
    // The newest first.
    expect(all.map(({ id, state }) => [id, state])).toEqual(ids.toReversed().map((id) => [id, 'succeeded']));
    expect([...seen]).toEqual(ids.filter((id) => seen.has(id)));
  });

  test('a backup is taken once, and is of its own kind: it may have the id of a migration', async () => {
    for (let i = 0; i < 2; i++) {
      expect(await call('POST', '/v1/backups', { backup_id: 'once' })).toMatchObject({
        status: 202,
        body: { id: 'once' },
      });
    }
    expect(await backedUp('once')).toMatchObject({ state: 'complete', entities: { requests: expect.any(Number) } });
    expect(await call('POST', '/v1/backups', { backup_id: 'once' })).toMatchObject({ body: { state: 'complete' } });
    expect((await backups()).filter(({ id }) => id === 'once')).toHaveLength(1);
  });
}
