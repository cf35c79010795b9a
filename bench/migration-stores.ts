/** Stores of the migration benchmark: filled, and copied from one to another. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ConfigInput } from '../lib/config/configuration.ts';
import { parseConfig } from '../lib/config/parse-config.ts';
import { migrateRepository } from '../lib/migration/migrate-repository.ts';
import type { Phase } from '../lib/migration/migration.ts';
import type { StoreType } from '../lib/migration/stores.ts';
import type { Entity } from '../lib/model/entities.ts';
import { openRepository } from '../lib/strategies/open-repository.ts';

/** Machines of one request: SPEC.md's largest. */
const PER_REQUEST = 10_000;
const PAGE = 1000;
/** Entities of a batch: more of them take fewer commits, and more memory. */
const BATCH = 500;
const TIME = '2026-01-01T00:00:00.000Z';

const template: Entity = {
  template_id: 'template-1',
  name: 'Standard',
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: -1,
  created_at: TIME,
  updated_at: TIME,
  version: 1,
};

const requestOf = (i: number): Entity => ({
  request_id: `req-${String(i).padStart(6, '0')}`,
  template_id: 'template-1',
  machine_count: PER_REQUEST,
  status: 'COMPLETED',
  request_type: 'provision',
  created_at: TIME,
  updated_at: TIME,
  version: 2,
});

export function machineOf(i: number): Entity {
  const time = new Date(Date.UTC(2026, 0, 1) + i * 1000).toISOString();
  return {
    machine_id: `machine-${String(i).padStart(9, '0')}`,
    request_id: `req-${String(Math.floor(i / PER_REQUEST)).padStart(6, '0')}`,
    template_id: 'template-1',
    status: i % 3 === 0 ? 'TERMINATED' : 'RUNNING',
    instance_type: 't3.medium',
    provider_instance_id: `i-${i.toString(16).padStart(17, '0')}`,
    private_ip: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
    started_at: time,
    created_at: time,
    updated_at: time,
    version: 3,
  };
}

/** Fills a store with this many machines, and with the template and the requests of `expected` machines. */
export async function fill(config: ConfigInput, machines: number, expected = machines): Promise<void> {
  await using repository = await openRepository(config);
  const { strategy } = repository;
  await strategy.load('templates', [template]);
  const requests = Array.from({ length: Math.ceil(expected / PER_REQUEST) }, (_, i) => requestOf(i));
  await strategy.load('requests', requests);
  for (let start = 0; start < machines; start += PAGE) {
    const length = Math.min(PAGE, machines - start);
    await strategy.load(
      'machines',
      Array.from({ length }, (_, i) => machineOf(start + i)),
    );
  }
}

const sideOf = ({ storage }: ConfigInput) => {
  const config = parseConfig({ storage });
  const { strategy, sql_strategy } = config.storage;
  const type: StoreType = strategy === 'sql' ? sql_strategy.type : strategy;
  return { type, config };
};

export interface CopyTimes {
  /** From the first to the last entity that was copied. */
  readonly copySeconds: number;
  /** With the check before and the comparison after it. */
  readonly wholeSeconds: number;
}

/** Migrates a store to an empty one; a backup is measured separately. @throws if the stores differ afterwards */
export async function copyStore(source: ConfigInput, target: ConfigInput): Promise<CopyTimes> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-bench-'));
  const migration = { state_location: folder, create_backup: false, batch_size: BATCH };
  const config = parseConfig({ storage: { strategy: 'json' }, migration });
  const times = new Map<Phase | 'end', number>();
  const start = performance.now();
  const note = (phase: Phase | 'end'): void => {
    if (!times.has(phase)) times.set(phase, performance.now());
  };
  let checked = start;
  try {
    const { outcome } = await migrateRepository({
      source: sideOf(source),
      target: sideOf(target),
      config,
      checked: () => {
        checked = performance.now();
      },
      progress: note,
    });
    if (outcome !== 'succeeded') throw new Error('The stores differ.');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const end = performance.now();
  return { copySeconds: ((times.get('compare') ?? end) - checked) / 1000, wholeSeconds: (end - start) / 1000 };
}
