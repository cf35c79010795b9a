/** Connections that an administrator ends, again and again, under load. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';
import { StorageUnavailableError } from '../../../../lib/repository/errors.ts';
import type { Repository } from '../../../../lib/repository/repository.ts';
import { template } from '../../../contract/samples.ts';
import { expectReadable } from './readable.ts';
import { connectTo, openBehindProxy } from './store-behind-proxy.ts';

const WORKERS = 20;
const EVERY_MS = 100;

type Outcome = 'acknowledged' | 'nothing stored' | 'unknown';

async function outcomeOf(save: Promise<unknown>): Promise<Outcome> {
  try {
    await save;
    return 'acknowledged';
  } catch (error) {
    if (!(error instanceof StorageUnavailableError)) throw error;
    expectReadable(error);
    return error.message.includes('may or may not have been stored') ? 'unknown' : 'nothing stored';
  }
}

const saves: readonly (readonly [string, (store: Repository, template_id: string) => Promise<unknown>])[] = [
  [
    'one statement',
    (store, template_id) => store.saveEntity('templates', template({ template_id }), { expectedVersion: 0 }),
  ],
  [
    'a transaction',
    (store, template_id) =>
      store.transaction((tx) => tx.saveEntity('templates', template({ template_id }), { expectedVersion: 0 })),
  ],
];

test.each(saves)('saves by %s: acknowledged ones are stored, refused ones are not', async (_, save) => {
  await using behind = await openBehindProxy({ pool_size: 5, max_overflow: 10 });
  const { store, direct, address } = behind;
  await using admin = await connectTo(address);
  const outcomes = new Map<string, Outcome>();
  let ended = 0;
  // How long that takes is up to the machine.
  const isEnough = (): boolean => ended > WORKERS && outcomes.size > 2 * WORKERS;
  const work = async (worker: number): Promise<void> => {
    for (let n = 0; !isEnough(); n++) {
      const id = `${worker}-${n}`;
      outcomes.set(id, await outcomeOf(save(store, id)));
    }
  };
  const terminate = async (): Promise<void> => {
    const sql =
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity ' +
      "WHERE datname = current_database() AND application_name = 'hfstorage' AND pid <> pg_backend_pid()";
    for (; !isEnough(); await sleep(EVERY_MS)) ended += (await admin.query(sql)).rowCount ?? 0;
  };
  await Promise.all([terminate(), ...Array.from({ length: WORKERS }, (__, worker) => work(worker))]);

  const stored = new Map<string, number>();
  for (let cursor: string | undefined; ; ) {
    const page = await direct.queryEntities('templates', { limit: 1000, ...(cursor !== undefined && { cursor }) });
    for (const { template_id, version } of page.items) stored.set(template_id, version);
    cursor = page.nextCursor;
    if (cursor === undefined) break;
  }
  const ids = (outcome: Outcome) => [...outcomes.keys()].filter((id) => outcomes.get(id) === outcome);
  expect(ids('acknowledged').filter((id) => stored.get(id) !== 1)).toEqual([]);
  expect(ids('nothing stored').filter((id) => stored.has(id))).toEqual([]);
  expect(ids('acknowledged').length).toBeGreaterThan(0);
  await Promise.all(Array.from({ length: WORKERS }, () => store.health()));
});
