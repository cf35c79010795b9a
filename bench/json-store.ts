/** The JSON store against the bare file system, JSON.parse and lowdb, at 10,000 machines. */
import { closeSync, fsyncSync, openSync, readFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { JSONFilePreset } from 'lowdb/node';
import type { Machine } from '../lib/model/entities.ts';
import type { StorageRepository } from '../lib/repository/storage-repository.ts';
import { openRepository } from '../lib/strategies/open-repository.ts';
import { type Alternative, compare, type Result } from './measure.ts';

const MACHINES = 10_000;

const open = (folder: string): Promise<StorageRepository> =>
  openRepository({ storage: { strategy: 'json', json_strategy: { base_path: folder } } });

const machineOf = (i: number) => ({
  machine_id: `machine-${i}`,
  request_id: 'req-1',
  template_id: 'template-1',
  status: i % 3 === 0 ? 'PENDING' : 'RUNNING',
  instance_type: 't3.medium',
  provider_instance_id: `i-${i.toString(16).padStart(17, '0')}`,
  private_ip: `10.0.${i >> 8}.${i & 255}`,
});

async function fill(folder: string, machines: number): Promise<StorageRepository> {
  const repository = await open(folder);
  await repository.saveEntity('templates', {
    template_id: 'template-1',
    name: 'Standard',
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: -1,
  });
  await repository.saveEntity('requests', {
    request_id: 'req-1',
    template_id: 'template-1',
    machine_count: machines,
    status: 'PENDING',
  });
  for (let start = 0; start < machines; start += 1000) {
    const count = Math.min(1000, machines - start);
    await repository.saveEntities(
      'machines',
      Array.from({ length: count }, (_, i) => machineOf(start + i)),
    );
  }
  return repository;
}

/** Appends the bytes of one saved machine to a file and waits for the disk: the least a durable save can do. */
function bareAppend(folder: string): Alternative & { close(): void } {
  const descriptor = openSync(join(folder, 'bare'), 'a');
  const bytes = Buffer.from(`${JSON.stringify({ ...machineOf(1), version: 1, created_at: '', updated_at: '' })}\n`);
  return {
    name: 'bare append + fsync',
    run: () => {
      writeSync(descriptor, bytes);
      fsyncSync(descriptor);
    },
    close: () => closeSync(descriptor),
  };
}

const saving = (name: string, repository: StorageRepository, machines: number): Alternative => {
  let i = 0;
  return { name, run: () => repository.saveEntity('machines', machineOf(i++ % machines)) };
};

export async function benchJsonStore(): Promise<Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-bench-'));
  const results: Result[] = [];
  try {
    const large = await fill(join(folder, 'large'), MACHINES);
    const small = await fill(join(folder, 'small'), 100);
    const bare = bareAppend(folder);
    const [onLarge, onSmall, appended] = (await compare(
      [saving('', large, MACHINES), saving('', small, 100), bare],
      60,
      20,
    )) as [number, number, number];
    bare.close();
    results.push(
      { what: 'durable save', ours: onLarge, baselineName: bare.name, baseline: appended, target: 3 },
      { what: 'save at 10,000 machines', ours: onLarge, baselineName: 'save at 100', baseline: onSmall, target: 1.3 },
    );

    const one = saving('', large, MACHINES);
    const together: Alternative = { name: '', run: () => Promise.all(Array.from({ length: 64 }, () => one.run())) };
    const [alone, sixtyFour] = (await compare([one, together], 40, 8)) as [number, number];
    results.push({
      what: 'one of 64 concurrent saves',
      ours: sixtyFour / 64,
      baselineName: 'one save at a time',
      baseline: alone,
      target: 1 / 5,
    });
    await Promise.all([large.close(), small.close()]);

    const file = join(folder, 'large', 'request_database.json');
    const cold: Alternative = {
      name: '',
      run: async () => {
        const repository = await open(join(folder, 'large'));
        await repository.getEntity('machines', 'machine-77');
        await repository.close();
      },
    };
    const parsing: Alternative = { name: '', run: () => JSON.parse(readFileSync(file, 'utf8')) };
    const [opened, parsed] = (await compare([cold, parsing], 30, 1)) as [number, number];
    results.push({
      what: 'open and read one, cold',
      ours: opened,
      baselineName: 'JSON.parse of the file',
      baseline: parsed,
      target: 1.5,
    });

    const lowdb = await JSONFilePreset<{ machines: Record<string, Partial<Machine>> }>(join(folder, 'lowdb.json'), {
      machines: {},
    });
    for (let i = 0; i < MACHINES; i++) lowdb.data.machines[`machine-${i}`] = machineOf(i);
    const ours = await open(join(folder, 'large'));
    let j = 0;
    const lowdbSave: Alternative = {
      name: '',
      run: () =>
        lowdb.update(({ machines }) => Object.assign(machines[`machine-${j++ % MACHINES}`] ?? {}, { status: 'X' })),
    };
    const [saved, rewritten] = (await compare([saving('', ours, MACHINES), lowdbSave], 30, 2)) as [number, number];
    results.push({
      what: 'durable save',
      ours: saved,
      baselineName: 'lowdb, which rewrites the file and does not fsync',
      baseline: rewritten,
      target: 1,
    });
    await ours.close();
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return results;
}
