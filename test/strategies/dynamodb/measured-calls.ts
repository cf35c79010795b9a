/** The calls whose costs the documentation shows, with the minimum cost of each by DynamoDB's rules. */
import type { EntityInput } from '../../../lib/model/entities.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { provision } from '../../../lib/service/operations/provision.ts';
import { saveAll } from '../../contract/samples.ts';
import type { Cost } from './capacity-meter.ts';
import { bytesOf, machines, requests, TEMPLATE } from './metered-store.ts';

export interface MeasuredCall {
  readonly name: string;
  /** Whether it reads with `consistent_reads` false. */
  readonly eventual?: true;
  /** Preparation, which is not measured. */
  readonly prepare?: (repository: Repository, suffix: string) => Promise<unknown>;
  /** @param suffix of ids that no other measurement uses */
  readonly run: (repository: Repository, suffix: string) => Promise<unknown>;
  readonly minimum: Cost;
  /** With references on; undefined if it is the same. */
  readonly minimumOn?: Cost;
  /** Explains the minimum. */
  readonly counts: string;
}

// Amazon DynamoDB Developer Guide, "DynamoDB read and write operations": a strongly consistent read of up to 4 KB is a
// unit, an eventually consistent one half of it; Query and Scan add up the items of a page first.
const readOf = (bytes: number): number => Math.ceil(bytes / 4096);
// "Considerations when using global secondary indexes": a write unit for each entry that is put, changed or deleted; an
// entry whose key changes is deleted and put.
const REQUEST_ENTRIES = 2;
const MACHINE_ENTRIES = 3;
// "DynamoDB transactions: How it works": two write units for each item written or checked.
const IN_TRANSACTION = 2;
/** Of the 1 MB that a Query or Scan reads at most. */
const pagesOf = (bytes: number): number => Math.ceil(bytes / 1024 ** 2);

const REQUEST = 1 + REQUEST_ENTRIES;
const REQUEST_TOGETHER = IN_TRANSACTION + REQUEST_ENTRIES;
const MACHINE = 1 + MACHINE_ENTRIES;
const MACHINE_TOGETHER = IN_TRANSACTION + MACHINE_ENTRIES;

const cost = (requests: number, readUnits: number, writeUnits: number): Cost => ({ requests, readUnits, writeUnits });

const request = (suffix: string, i = 0): EntityInput<'requests'> => ({
  request_id: `measured-${i}-${suffix}`,
  template_id: TEMPLATE,
  machine_count: 3,
  // A status that is not queried.
  status: 'MEASURED',
  metadata: { note: 'x'.repeat(200) },
});
const saveOne = (repository: Repository, suffix: string) => repository.saveEntity('requests', request(suffix));
const idOf = (suffix: string): string => request(suffix).request_id;
const firstIds = (count: number): string[] => requests.slice(0, count).map(({ request_id }) => String(request_id));
const withStatus = (status: string) => requests.filter((entity) => entity.status === status);

/** Read units of the newest requests of a status, one more than a page of 50. */
const newestOf = (status: string): number => readOf(bytesOf('requests', withStatus(status).slice(-51))) / 2;
const ofOneRequest = bytesOf('machines', machines.slice(0, 100));
const allMachines = bytesOf('machines', machines);
const failed = bytesOf('requests', withStatus('FAILED'));

const REPLACES =
  'the item and its 2 index entries; on: as in a transaction, twice for the item, the template checked, and a read of what is replaced, which a transaction does not return';

export const singleCalls: readonly MeasuredCall[] = [
  {
    name: 'get',
    run: (repository) => repository.getEntity('requests', 'request-00001'),
    minimum: cost(1, 1, 0),
    counts: 'one read of up to 4 KB',
  },
  {
    name: 'get, `consistent_reads` false',
    eventual: true,
    run: (repository) => repository.getEntity('requests', 'request-00001'),
    minimum: cost(1, 0.5, 0),
    counts: 'half a read',
  },
  {
    name: 'create',
    run: (repository, suffix) => repository.saveEntity('requests', request(suffix), { expectedVersion: 0 }),
    minimum: cost(1, 0, REQUEST),
    minimumOn: cost(1, 0, REQUEST_TOGETHER + IN_TRANSACTION),
    counts: 'the item and its 2 index entries; on: twice for the item, and the template checked',
  },
  {
    name: 'save over any version',
    prepare: saveOne,
    run: saveOne,
    minimum: cost(1, 0, REQUEST),
    minimumOn: cost(2, 1, REQUEST_TOGETHER + IN_TRANSACTION),
    counts: REPLACES,
  },
  {
    name: 'save over an expected version',
    prepare: saveOne,
    run: (repository, suffix) => repository.saveEntity('requests', request(suffix), { expectedVersion: 1 }),
    minimum: cost(1, 0, REQUEST),
    minimumOn: cost(2, 1, REQUEST_TOGETHER + IN_TRANSACTION),
    counts: 'the same',
  },
  {
    name: 'update of declared fields',
    prepare: saveOne,
    run: (repository, suffix) =>
      repository.updateEntity('requests', idOf(suffix), { machine_count: 4, completed_at: '2026-11-22T10:00:00Z' }),
    minimum: cost(1, 0, REQUEST),
    counts: 'the item and its 2 index entries',
  },
  {
    name: 'update of `status`',
    prepare: saveOne,
    run: (repository, suffix) => repository.updateEntity('requests', idOf(suffix), { status: 'CHANGED' }),
    minimum: cost(1, 0, REQUEST + 1),
    counts: 'one entry more: it leaves one place of the index and comes to another',
  },
  {
    name: 'update of an undeclared field',
    prepare: saveOne,
    run: (repository, suffix) => repository.updateEntity('requests', idOf(suffix), { note: 'new' }),
    minimum: cost(1, 0, REQUEST),
    counts: 'the item and its 2 index entries',
  },
  {
    name: 'delete',
    prepare: saveOne,
    run: (repository, suffix) => repository.deleteEntity('requests', idOf(suffix)),
    minimum: cost(1, 0, REQUEST),
    minimumOn: cost(2, 0.5, REQUEST),
    counts: 'the item and its 2 index entries; on: a query for machines that refer to it',
  },
];

export const otherCalls: readonly MeasuredCall[] = [
  {
    name: 'get of 100',
    run: (repository) => repository.getEntities('requests', firstIds(100)),
    minimum: cost(1, 100, 0),
    counts: 'a read for each; 100 in a request',
  },
  {
    name: 'get of 1,000',
    run: (repository) => repository.getEntities('requests', firstIds(1000)),
    minimum: cost(10, 1000, 0),
    counts: 'a read for each; 100 in a request',
  },
  {
    name: '50 newest of a status, of 10,000 requests',
    run: (repository) =>
      repository.queryEntities('requests', { filters: { status: 'PENDING' }, orderBy: '-created_at', limit: 50 }),
    minimum: cost(1, newestOf('PENDING'), 0),
    counts: 'half a read for each 4 KB of 51 entries; the last tells whether more follow',
  },
  {
    name: '50 newest of two statuses',
    run: (repository) =>
      repository.queryEntities('requests', {
        filters: { status: ['PENDING', 'RUNNING'] },
        orderBy: '-created_at',
        limit: 50,
      }),
    minimum: cost(2, newestOf('PENDING') + newestOf('RUNNING'), 0),
    counts: 'the same for each status',
  },
  {
    name: 'the 100 machines of a request',
    run: (repository) => repository.queryEntities('machines', { filters: { request_id: 'request-00000' } }),
    minimum: cost(1, readOf(ofOneRequest) / 2, 0),
    counts: 'half a read for each 4 KB of the entries',
  },
  {
    name: 'filter without an index, of 2,000 machines',
    run: (repository) => repository.queryEntities('machines', { filters: { instance_type: 'm5.large' } }),
    minimum: cost(pagesOf(allMachines), readOf(allMachines), 0),
    counts: 'a read for each 4 KB of the table; up to 1 MB in a request',
  },
  {
    name: 'count of a status that 1,000 requests have',
    run: (repository) => repository.countEntities('requests', { filters: { status: 'FAILED' } }),
    minimum: cost(pagesOf(failed), readOf(failed) / 2, 0),
    counts: 'half a read for each 4 KB of the entries',
  },
  {
    name: 'count of 2,000 machines by status',
    run: (repository) => repository.countEntities('machines', { groupBy: 'status' }),
    minimum: cost(pagesOf(allMachines), readOf(allMachines), 0),
    counts: 'a read for each 4 KB of the table',
  },
  {
    name: 'transaction that reads 2 and updates them',
    prepare: (repository, suffix) =>
      Promise.all([0, 1].map((i) => repository.saveEntity('requests', request(suffix, i)))),
    run: (repository, suffix) =>
      repository.transaction(async (tx) => {
        const [one, two] = [request(suffix, 0).request_id, request(suffix, 1).request_id];
        const found = [await tx.getEntity('requests', one), await tx.getEntity('requests', two)];
        for (const entity of found) {
          await tx.updateEntity('requests', entity?.request_id as string, { machine_count: 9 });
        }
      }),
    minimum: cost(3, 2, 2 * REQUEST_TOGETHER),
    counts: '2 reads; twice for each item, and their index entries',
  },
  {
    name: 'batch save of 1,000 requests',
    run: (repository, suffix) =>
      saveAll(
        repository as never,
        'requests',
        Array.from({ length: 1000 }, (_, i) => request(suffix, i)),
      ),
    minimum: cost(1000, 0, 1000 * REQUEST),
    // 99 and their template in a transaction.
    minimumOn: cost(10 + 11, 1000, 1000 * REQUEST_TOGETHER + 11 * IN_TRANSACTION),
    counts:
      'a call for each; on: transactions of 99 and their template, and reads of what is replaced, 100 in a request',
  },
  {
    name: 'provision 10 machines',
    run: (repository) => provision(repository, { template_id: TEMPLATE, machine_count: 10 }),
    minimum: cost(2, 1, REQUEST_TOGETHER + 10 * MACHINE_TOGETHER),
    minimumOn: cost(2, 1, REQUEST_TOGETHER + 10 * MACHINE_TOGETHER + IN_TRANSACTION),
    counts: 'a read of the template; twice for each item, and its index entries (2 of the request, 3 of a machine)',
  },
  {
    name: 'provision 1,000 machines',
    run: (repository) => provision(repository, { template_id: TEMPLATE, machine_count: 1000 }),
    minimum: cost(1003, 1, 2 * REQUEST + 1000 * MACHINE),
    minimumOn: cost(1003, 1, REQUEST + 1000 * MACHINE + REQUEST_TOGETHER + IN_TRANSACTION),
    counts:
      'a read of the template; the request twice, hidden and unveiled; each machine once; on: the template checked once',
  },
];
