/** A database of the former program: SPEC.md's tables, with rows as written by Python. */
import type { CollectionName } from '../../../lib/model/collections.ts';
import type { DatabaseKind, RawRow, TestDatabase } from './databases.ts';
import { specTables } from './spec-tables.ts';

const template = { name: 'Standard', provider_api: 'RunInstances', vm_type: 't3.medium', max_number: 10 };
const request = { template_id: 't-1', machine_count: 2, status: 'PENDING', request_type: 'provision' };
const machine = { request_id: 'r-1', template_id: 't-1', status: 'RUNNING' };

export interface FormerRow {
  readonly table: CollectionName;
  readonly id: string;
  readonly row: RawRow;
  /** The values that the repository converts. NULLs become absent. */
  readonly read: Readonly<Record<string, unknown>>;
}

export const formerRows: readonly FormerRow[] = [
  {
    table: 'templates',
    id: 't-1',
    row: {
      ...template,
      template_id: 't-1',
      image_id: 'ami-1',
      subnet_ids: 'subnet-1,subnet-2',
      security_group_ids: '["sg-1", "sg-2"]',
      attributes: '{"ncpus": ["Numeric", "4"], "nram": null}',
      // CURRENT_TIMESTAMP
      created_at: '2026-11-22 10:00:00',
      updated_at: '2026-11-22 10:00:05',
    },
    read: {
      security_group_ids: ['sg-1', 'sg-2'],
      attributes: { ncpus: ['Numeric', '4'], nram: null },
      created_at: '2026-11-22T10:00:00.000Z',
      updated_at: '2026-11-22T10:00:05.000Z',
    },
  },
  {
    table: 'templates',
    id: 't-2',
    row: {
      ...template,
      template_id: 't-2',
      name: "O'Neill \u{1f4a1}",
      image_id: null,
      subnet_ids: null,
      attributes: '',
      // datetime.now(UTC).isoformat(), and the same moment in Berlin
      created_at: '2026-11-22T09:00:00.123456+00:00',
      updated_at: null,
    },
    read: { created_at: '2026-11-22T09:00:00.123Z' },
  },
  {
    table: 'requests',
    id: 'r-1',
    row: {
      ...request,
      request_id: 'r-1',
      tags: '{"team": "\u00e4", "n": [1, null, 1.5]}',
      metadata: '{}',
      // datetime.utcnow().isoformat()
      created_at: '2026-11-22T10:00:00.250000',
      updated_at: '2026-11-22T10:00:00.250000',
      completed_at: '2026-11-22T10:30:00',
    },
    read: {
      tags: { team: '\u00e4', n: [1, null, 1.5] },
      metadata: {},
      created_at: '2026-11-22T10:00:00.250Z',
      updated_at: '2026-11-22T10:00:00.250Z',
      completed_at: '2026-11-22T10:30:00.000Z',
    },
  },
  {
    table: 'requests',
    id: 'r-2',
    row: {
      ...request,
      request_id: 'r-2',
      status: 'COMPLETED',
      metadata: 'urgent',
      created_at: '2026-11-22 10:00:00.5',
    },
    read: { created_at: '2026-11-22T10:00:00.500Z' },
  },
  {
    table: 'requests',
    id: 'r-3',
    row: { ...request, request_id: 'r-3', created_at: null, updated_at: null },
    read: {},
  },
  {
    table: 'machines',
    id: 'm-1',
    row: {
      ...machine,
      machine_id: 'm-1',
      private_ip: '10.0.1.100',
      created_at: '2026-11-22 10:01:00',
      started_at: '2026-11-22T10:02:00.999000',
      terminated_at: null,
    },
    read: {
      created_at: '2026-11-22T10:01:00.000Z',
      updated_at: '2026-11-22T10:01:00.000Z',
      started_at: '2026-11-22T10:02:00.999Z',
    },
  },
  { table: 'machines', id: 'm-2', row: { ...machine, machine_id: 'm-2', created_at: null }, read: {} },
];

/** Stores a row directly, bypassing the store. */
export async function insertRow(database: TestDatabase, table: string, row: RawRow): Promise<void> {
  const names = Object.keys(row);
  await database.run(
    `INSERT INTO ${table} (${names.join(', ')}) VALUES (${names.map(() => '?').join(', ')})`,
    Object.values(row),
  );
}

/** Creates the tables of the former program. @param tables their statements, if they differ from SPEC.md's */
export async function createFormer(kind: DatabaseKind, tables = specTables): Promise<TestDatabase> {
  const database = await kind.create();
  await database.script(tables);
  for (const { table, row } of formerRows) await insertRow(database, table, row);
  return database;
}

const series: Readonly<Record<DatabaseKind['name'], (count: number) => string>> = {
  sqlite: (count) =>
    `(WITH RECURSIVE s(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM s WHERE n < ${count}) SELECT n FROM s)`,
  postgresql: (count) => `generate_series(1, ${count}) AS s(n)`,
};

/** Adds machines `many-1` and so on. */
export async function addMachines(name: DatabaseKind['name'], database: TestDatabase, count: number): Promise<void> {
  await database.run(
    'INSERT INTO machines (machine_id, request_id, template_id, status, private_ip, created_at) ' +
      "SELECT 'many-' || n, 'r-1', 't-1', CASE n % 3 WHEN 0 THEN 'PENDING' ELSE 'RUNNING' END, '10.0.' || n, " +
      `'2026-11-22 10:00:00' FROM ${series[name](count)}`,
  );
}
