/** A kind of long work: it counts all machines by status. Wherever it is interrupted, it continues from there. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openLocation, openRepository, type StorageStrategy } from '../lib/library.ts';
import type { ScanPage } from '../lib/repository/storage-strategy.ts';
import type { Phase } from '../lib/transfer/run-unit.ts';
import { pagesOf } from '../lib/transfer/scan-pages.ts';
import { LocalSteps, type Steps } from '../lib/transfer/steps.ts';
import { type SegmentUnit, segmentsOf } from '../lib/transfer/unit.ts';
import { StoredState } from '../lib/transfer/work-state.ts';

type Counts = readonly (readonly [status: string, machines: number])[];

function sum(a: Counts, b: Counts): Counts {
  const counts = new Map(a);
  for (const [status, machines] of b) counts.set(status, (counts.get(status) ?? 0) + machines);
  return [...counts];
}

export function countPhases(strategy: StorageStrategy) {
  const count: Phase<SegmentUnit, ScanPage, Counts> = {
    workers: 2,
    nothing: [],
    pages: (unit, { cursor }) => pagesOf(strategy, unit.collection, 500, { ...unit, cursor }),
    work: async (_, { items }) => items.map(({ status }): Counts => [[String(status), 1]]).reduce(sum, []),
    sum,
    count: ({ collection }, { items }) => [collection, items.length],
  };
  return { count };
}

export async function countByStatus(steps: Steps<ReturnType<typeof countPhases>>, { capabilities }: StorageStrategy) {
  const counts = await steps.each('count', segmentsOf(capabilities, 'machines', 4));
  return steps.once('report', async () => Object.fromEntries(counts));
}

const folder = await mkdtemp(join(tmpdir(), 'hfstorage-example-'));
try {
  const json_strategy = { base_path: join(folder, 'data') };
  const storage = { strategy: 'json', json_strategy, enforce_references: false } as const;
  await using repository = await openRepository({ storage });
  for (const [i, status] of ['RUNNING', 'PENDING', 'RUNNING'].entries()) {
    await repository.saveEntity('machines', { machine_id: `m-${i}`, request_id: 'r', template_id: 't', status });
  }
  const state = new StoredState(await openLocation(join(folder, 'state')), 'counts/today');
  const steps = new LocalSteps(countPhases(repository.strategy), state);
  console.log(await countByStatus(steps, repository.strategy));
} finally {
  await rm(folder, { recursive: true });
}
