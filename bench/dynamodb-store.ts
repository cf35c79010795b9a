/** The DynamoDB store against the bare document client on DynamoDB Local, and against two libraries without a network. */
import { randomUUID } from 'node:crypto';
import type { DynamoDBDocument } from '@aws-sdk/lib-dynamodb';
import type { StorageRepository } from '../lib/repository/storage-repository.ts';
import { openClient } from '../lib/strategies/dynamodb/open-dynamodb-strategy.ts';
import { ensureTables } from '../lib/strategies/dynamodb/tables/create-tables.ts';
import { tableDefinitions } from '../lib/strategies/dynamodb/tables/table-definitions.ts';
import { startDynamodb } from '../test/backends/dynamodb.ts';
import { configOf, documentsOf, NEWEST, repositoryOn, requestOf, storedRequest } from './dynamodb-clients.ts';
import { benchProcessorTime } from './dynamodb-processor-time.ts';
import { compare, medianRuns, type Result } from './measure.ts';

/** Runs with new clients. */
const RUNS = Number(process.env.HFSTORAGE_BENCH_RUNS ?? 5);
const REQUESTS = 200;
const STATUSES = ['PENDING', 'COMPLETED', 'FAILED'];

/** The five calls with their arguments. */
interface Calls {
  get(id: string): Promise<unknown>;
  create(id: string): Promise<unknown>;
  /** Replaces the request if it has this version. @returns the version it has then */
  save(id: string, status: string, version: number): Promise<number>;
  update(id: string, status: string): Promise<unknown>;
  newest(): Promise<unknown>;
}

const ours = (repository: StorageRepository): Calls => ({
  get: (id) => repository.getEntity('requests', id),
  create: (id) => repository.saveEntity('requests', requestOf(id, 'PENDING'), { expectedVersion: 0 }),
  save: async (id, status, version) =>
    (await repository.saveEntity('requests', requestOf(id, status), { expectedVersion: version })).version,
  update: (id, status) => repository.updateEntity('requests', id, { status }),
  newest: () => repository.queryEntities('requests', NEWEST),
});

/** Values of the sample calls, which locate their positions in the commands. */
const SAMPLE = { id: 'sample', status: 'SAMPLE', version: 987_654 };

/** The commands that our store sends for the five calls: the bare client must send the same. */
async function recordCommands(repository: StorageRepository, documents: DynamoDBDocument) {
  let sent: unknown;
  documents.middlewareStack.add(
    (next) => (args) => {
      sent = args.input;
      return next(args);
    },
    { step: 'initialize', priority: 'high', name: 'recordCommand' },
  );
  const record = async <M extends 'get' | 'put' | 'update' | 'query'>(_: M, call: Promise<unknown>) => {
    await call;
    return sent as Extract<Parameters<DynamoDBDocument[M]>[0], { TableName: unknown }>;
  };
  const { id, status, version } = SAMPLE;
  const calls = ours(repository);
  await repository.strategy.load('requests', [{ ...storedRequest(id, status, 0), version }]);
  return {
    get: await record('get', calls.get(id)),
    create: await record('put', calls.create(randomUUID())),
    save: await record('update', calls.save(id, status, version)),
    update: await record('update', calls.update(id, status)),
    newest: await record('query', calls.newest()),
  };
}

type Commands = Awaited<ReturnType<typeof recordCommands>>;
type Slot = 'status' | 'version' | 'at' | 'writeId';

function slotOf(value: unknown): Slot | undefined {
  if (value === SAMPLE.status) return 'status';
  if (value === SAMPLE.version) return 'version';
  if (typeof value !== 'string') return undefined;
  if (/^\d{4}-\d\d-\d\dT.*Z$/.test(value)) return 'at';
  return /^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(value) ? 'writeId' : undefined;
}

type Values = Record<string, unknown>;

/** Copies a sample command with its values replaced by those of a call. */
function filling(sample: Values = {}): (call: { [S in Slot]?: string | number }) => Values {
  const semaphore = Object.entries(sample).flatMap(([key, value]) => {
    const slot = slotOf(value);
    return slot === undefined ? [] : [[key, slot] as const];
  });
  return (call) => {
    const values = { ...sample };
    for (const [key, slot] of semaphore) values[key] = call[slot];
    return values;
  };
}

/** A request from its item, as a programmer would write it. */
function requestFrom(item: Values | undefined): Values {
  const { extra, json_bytes, write_id, ...request } = item ?? {};
  return Object.assign(request, extra);
}

function bare(client: DynamoDBDocument, { get, create, save, update, newest }: Commands): Calls {
  const [saved, updated] = [save, update].map((command) => filling(command.ExpressionAttributeValues)) as [
    ReturnType<typeof filling>,
    ReturnType<typeof filling>,
  ];
  const { json_bytes, extra } = create.Item as Values;
  const change = (id: string) => ({ Key: { request_id: id } });
  const now = () => ({ at: new Date().toISOString(), writeId: randomUUID() });
  return {
    get: async (id) => requestFrom((await client.get({ ...get, Key: { request_id: id } })).Item),
    create: async (id) => {
      const { at, writeId } = now();
      const request = { ...requestOf(id, 'PENDING'), created_at: at, updated_at: at, version: 1 };
      await client.put({ ...create, Item: { ...request, extra, json_bytes, write_id: writeId } });
      return request;
    },
    save: async (id, status, version) => {
      const ExpressionAttributeValues = saved({ ...now(), status, version });
      const { Attributes } = await client.update({ ...save, ...change(id), ExpressionAttributeValues });
      return requestFrom(Attributes).version as number;
    },
    update: async (id, status) => {
      const ExpressionAttributeValues = updated({ ...now(), status });
      return requestFrom((await client.update({ ...update, ...change(id), ExpressionAttributeValues })).Attributes);
    },
    newest: async () => ((await client.query(newest)).Items ?? []).slice(0, NEWEST.limit).map(requestFrom),
  };
}

/** Turns are short and many: the time of DynamoDB Local varies from one tenth of a second to the next. */
const TURNS = [
  { concurrency: 1, callsEach: 4, rounds: 80 },
  { concurrency: 32, callsEach: 2, rounds: 40 },
] as const;
const BARE_LIMIT = 1.1;

/** The five calls through the repository and by hand, on the same tables. */
async function againstBareClient(one: Calls, other: Calls, versions: number[]): Promise<Result[]> {
  let i = 0;
  const next = (): number => {
    i = (i + 1) % REQUESTS;
    return i;
  };
  const status = (): string => STATUSES[i % STATUSES.length] as string;
  const works: Readonly<Record<string, (calls: Calls) => Promise<unknown>>> = {
    get: (calls) => calls.get(`read-${next()}`),
    create: (calls) => calls.create(randomUUID()),
    'conditional save': async (calls) => {
      const at = next();
      versions[at] = await calls.save(`save-${at}`, status(), versions[at] as number);
    },
    update: (calls) => calls.update(`update-${next()}`, status()),
    '50 newest by status': (calls) => calls.newest(),
  };
  const results: Result[] = [];
  for (const [what, work] of Object.entries(works)) {
    for (const { concurrency, callsEach, rounds } of TURNS) {
      const worker = async (calls: Calls): Promise<void> => {
        for (let call = 0; call < callsEach; call++) await work(calls);
      };
      const turn = (calls: Calls) => ({
        name: '',
        run: () => Promise.all(Array.from({ length: concurrency }, () => worker(calls))),
      });
      const [a, b] = (await compare([turn(one), turn(other)], rounds, 1)) as [number, number];
      const calls = concurrency * callsEach;
      results.push({
        what: `dynamodb: ${what}, ${concurrency} at a time`,
        ours: a / calls,
        baselineName: 'bare client',
        baseline: b / calls,
        target: BARE_LIMIT,
      });
    }
  }
  return results;
}

async function benchOnDynamodb(): Promise<Result[]> {
  const service = await startDynamodb();
  const config = configOf(service.environment.HFSTORAGE_TEST_DYNAMODB_ENDPOINT as string);
  try {
    const { repository, documents } = repositoryOn(openClient(config), config);
    await ensureTables(documents, tableDefinitions(config));
    const stored = Array.from({ length: REQUESTS }, (_, i) => [
      storedRequest(`read-${i}`, 'RUNNING', i),
      storedRequest(`save-${i}`, 'PENDING', i),
      storedRequest(`update-${i}`, 'PENDING', i),
    ]);
    await repository.strategy.load('requests', stored.flat());
    const commands = await recordCommands(repository, documents);
    await repository.close();
    const versions = stored.map(() => 1);
    const runs: Result[][] = [];
    for (let run = 0; run < RUNS; run++) {
      const one = repositoryOn(openClient(config), config).repository;
      const client = openClient(config);
      runs.push(await againstBareClient(ours(one), bare(documentsOf(client), commands), versions));
      client.destroy();
      await one.close();
    }
    return medianRuns(runs);
  } finally {
    await service.stop();
  }
}

export async function benchDynamodbStore(): Promise<Result[]> {
  // DynamoDB Local takes any; the SDK sends nothing without.
  process.env.AWS_ACCESS_KEY_ID ??= 'bench';
  process.env.AWS_SECRET_ACCESS_KEY ??= 'bench';
  return [...(await benchOnDynamodb()), ...(await benchProcessorTime())];
}
