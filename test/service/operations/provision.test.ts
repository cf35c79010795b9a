import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { EntityExistsError } from '../../../lib/repository/errors.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { type Provisioned, provision } from '../../../lib/service/operations/provision.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';

let folder: string;
let repository: Repository;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-provision-'));
  // SPEC.md's own sample of a split file: a template without max_number.
  const t1 = { template_id: 't1', name: 'One', provider_api: 'ec2', vm_type: 't3.medium' };
  await writeFile(
    join(folder, 'templates.json'),
    JSON.stringify({ t1, t2: { ...t1, template_id: 't2', max_number: -1 } }),
  );
  repository = await openRepository({
    storage: { strategy: 'json', json_strategy: { base_path: folder, storage_type: 'split_files' } },
  });
});
afterEach(async () => {
  await repository.close();
  await rm(folder, { recursive: true, force: true });
});

async function machineIds({ machines }: Provisioned): Promise<string[]> {
  const ids: string[] = [];
  for await (const { machine_id } of machines) ids.push(machine_id);
  return ids;
}

test('of many concurrent calls one creates, and the others find the same', async () => {
  const order = { template_id: 't2', machine_count: 20, request_id: 'r1' };
  const all = await Promise.all(Array.from({ length: 8 }, () => provision(repository, order)));
  expect(all.filter(({ created }) => created)).toHaveLength(1);
  const ids = await Promise.all(all.map(machineIds));
  for (const list of ids) expect(list).toEqual(ids[0]);
  expect(await repository.countEntities('machines')).toEqual({ count: 20 });
});

test('of different concurrent calls one wins, and the others are refused', async () => {
  const orders = [1, 2, 3].map((machine_count) => ({ template_id: 't2', machine_count, request_id: 'r2' }));
  const outcomes = await Promise.allSettled(orders.map((order) => provision(repository, order)));
  expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === 'rejected') expect(outcome.reason).toMatchObject({ code: 'request_differs' });
  }
});

test('an existing machine with the id of a new one is a conflict, and nothing is stored', async () => {
  const order = { template_id: 't2', machine_count: 3, request_id: 'r3' };
  const [id = ''] = await machineIds(await provision(repository, order));
  for await (const { machine_id } of (await provision(repository, order)).machines) {
    if (machine_id !== id) await repository.deleteEntity('machines', machine_id);
  }
  await repository.saveEntity('requests', { request_id: 'other', template_id: 't2', machine_count: 0, status: 'DONE' });
  await repository.updateEntity('machines', id, { request_id: 'other' });
  await repository.deleteEntity('requests', 'r3');
  await expect(provision(repository, order)).rejects.toThrow(EntityExistsError);
  expect(await repository.getEntity('requests', 'r3')).toBeUndefined();
});

test('a template without max_number is refused: a missing limit does not mean unlimited', async () => {
  await expect(provision(repository, { template_id: 't1', machine_count: 1 })).rejects.toMatchObject({
    code: 'validation_failed',
    message: expect.stringContaining('max_number'),
  });
});
