/**
 * Processor time of one call of the DynamoDB store, of electrodb and of dynamodb-toolbox: the same operations on requests
 * of the same schema, through clients of the same settings, whose requests are answered at once in this process.
 */
import type { DynamoDBClient, DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';
import { marshall } from '@aws-sdk/util-dynamodb';
import {
  $add,
  $remove,
  any,
  GetItemCommand,
  item,
  number,
  QueryCommand,
  string,
  Table,
  Entity as ToolboxEntity,
  UpdateItemCommand,
} from 'dynamodb-toolbox';
import { Entity as ElectroEntity } from 'electrodb';
import { itemOf } from '../lib/strategies/dynamodb/items/item-codec.ts';
import { openClient } from '../lib/strategies/dynamodb/open-dynamodb-strategy.ts';
import { configOf, documentsOf, NEWEST, repositoryOn, requestOf, storedRequest, TABLE } from './dynamodb-clients.ts';
import { compare, processorTime, type Result } from './measure.ts';

const ROUNDS = 40;
const ID = 'req-00000001';
const WRITE_ID = '00000000-0000-4000-8000-000000000000';
const config = configOf('http://127.0.0.1:1');

/** The operations that are compared. */
interface Calls {
  get(): Promise<unknown>;
  /** Replaces the request, except for its `created_at`, if it has a version, and returns the result. */
  save(): Promise<unknown>;
  /** Sets the status of an existing request, and returns the result. */
  update(): Promise<unknown>;
  newest(): Promise<unknown>;
}

type Item = Record<string, unknown>;

/** A client whose requests are answered at once, with items as the library stores them. */
function answeredClient(itemOfRequest: (second: number) => Item, pageItems: number) {
  const items = Array.from({ length: pageItems }, (_, i) => marshall(itemOfRequest(1000 - i)));
  const [item] = items;
  const { request_id, status, created_at } = item ?? {};
  const LastEvaluatedKey = { request_id, status, created_at };
  const Count = items.length;
  const ConsumedCapacity = { TableName: TABLE, CapacityUnits: 5 };
  const answers: Readonly<Record<string, Uint8Array>> = Object.fromEntries(
    Object.entries({
      GetItem: { Item: item },
      UpdateItem: { Attributes: item },
      Query: { Items: items, Count, ScannedCount: Count, LastEvaluatedKey, ConsumedCapacity },
    }).map(([operation, answer]) => [`DynamoDB_20120810.${operation}`, Buffer.from(JSON.stringify(answer))]),
  );
  const headers = { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-requestid': WRITE_ID };
  const client: DynamoDBClient = openClient(config);
  const handler = {
    handle: async (request: { headers: Record<string, string> }) => {
      const body = answers[request.headers['x-amz-target'] ?? ''];
      if (body === undefined) throw new Error(`No answer to ${request.headers['x-amz-target']}.`);
      return { response: { statusCode: 200, headers, body } };
    },
  };
  client.config.requestHandler = handler as unknown as DynamoDBClientConfig['requestHandler'] &
    typeof client.config.requestHandler;
  return client;
}

const now = (): string => new Date().toISOString();

function ourCalls(): Calls {
  const stored = (second: number) => itemOf('requests', storedRequest(ID, 'RUNNING', second), WRITE_ID);
  // It asks for one more, to know whether there is another page.
  const client = answeredClient(stored, NEWEST.limit + 1);
  const { repository } = repositoryOn(client, config);
  return {
    get: () => repository.getEntity('requests', ID),
    save: () => repository.saveEntity('requests', requestOf(ID, 'RUNNING'), { expectedVersion: 1 }),
    update: () => repository.updateEntity('requests', ID, { status: 'RUNNING' }),
    newest: () => repository.queryEntities('requests', NEWEST),
  };
}

const asStored = (second: number): Item => storedRequest(ID, 'RUNNING', second);

const within = (least: number, most: number) => (text: string) => text.length >= least && text.length <= most;
const isId = within(1, 255);
const isShort = within(1, 50);
const isCount = (count: number) => Number.isInteger(count) && count >= 0;
const isTime = (text: string) => !Number.isNaN(Date.parse(text));

function electroCalls(): Calls {
  const marked = (second: number): Item => ({ ...asStored(second), __edb_e__: 'request', __edb_v__: '1' });
  const requests = new ElectroEntity(
    {
      model: { entity: 'request', version: '1', service: 'bench' },
      attributes: {
        request_id: { type: 'string', required: true, validate: isId },
        template_id: { type: 'string', required: true, validate: isId },
        machine_count: { type: 'number', required: true, validate: isCount },
        status: { type: 'string', required: true, validate: isShort },
        request_type: { type: 'string', default: 'provision', validate: isShort },
        // It validates absent values too.
        completed_at: { type: 'string', validate: (time?: string) => time === undefined || isTime(time) },
        tags: { type: 'any' },
        metadata: { type: 'any' },
        created_at: { type: 'string', required: true },
        updated_at: { type: 'string', required: true },
        version: { type: 'number', required: true },
      },
      indexes: {
        byId: { pk: { field: 'request_id', composite: ['request_id'], casing: 'none' } },
        byStatus: {
          index: 'status-created_at-index',
          pk: { field: 'status', composite: ['status'], casing: 'none' },
          sk: { field: 'created_at', composite: ['created_at'], casing: 'none' },
        },
        byTemplate: {
          index: 'template_id-created_at-index',
          pk: { field: 'template_id', composite: ['template_id'], casing: 'none' },
          sk: { field: 'created_at', composite: ['created_at'], casing: 'none' },
        },
      },
    },
    { client: documentsOf(answeredClient(marked, NEWEST.limit)), table: TABLE },
  );
  return {
    get: async () => (await requests.get({ request_id: ID }).go({ consistent: true })).data,
    save: async () => {
      const { request_id, ...request } = requestOf(ID, 'RUNNING');
      const { data } = await requests
        .update({ request_id })
        .set({ ...request, updated_at: now() })
        .add({ version: 1 })
        .remove(['completed_at'])
        .where(({ version }, { eq }) => eq(version, 1))
        .go({ response: 'all_new' });
      return data;
    },
    update: async () => {
      const { data } = await requests
        .patch({ request_id: ID })
        .set({ status: 'RUNNING', updated_at: now() })
        .add({ version: 1 })
        .go({ response: 'all_new' });
      return data;
    },
    newest: async () =>
      (await requests.query.byStatus({ status: 'RUNNING' }).go({ order: 'desc', limit: NEWEST.limit })).data,
  };
}

function toolboxCalls(): Calls {
  const created = { name: 'created_at', type: 'string' } as const;
  const table = new Table({
    name: TABLE,
    documentClient: documentsOf(answeredClient(asStored, NEWEST.limit)),
    partitionKey: { name: 'request_id', type: 'string' },
    indexes: {
      byStatus: { type: 'global', partitionKey: { name: 'status', type: 'string' }, sortKey: created },
      byTemplate: { type: 'global', partitionKey: { name: 'template_id', type: 'string' }, sortKey: created },
    },
  });
  const requests = new ToolboxEntity({
    name: 'request',
    table,
    schema: item({
      request_id: string().key().validate(isId),
      template_id: string().validate(isId),
      machine_count: number().validate(isCount),
      status: string().validate(isShort),
      request_type: string().default('provision').validate(isShort),
      completed_at: string().optional().validate(isTime),
      tags: any().optional(),
      metadata: any().optional(),
      created_at: string(),
      updated_at: string(),
      version: number(),
    }),
    entityAttribute: false,
    timestamps: false,
  });
  return {
    get: async () =>
      (await requests.build(GetItemCommand).key({ request_id: ID }).options({ consistent: true }).send()).Item,
    save: async () => {
      const request = { ...requestOf(ID, 'RUNNING'), completed_at: $remove(), updated_at: now(), version: $add(1) };
      const condition = { attr: 'version', eq: 1 } as const;
      const command = requests.build(UpdateItemCommand).item(request).options({ condition, returnValues: 'ALL_NEW' });
      return (await command.send()).Attributes;
    },
    update: async () => {
      const request = { request_id: ID, status: 'RUNNING', updated_at: now(), version: $add(1) };
      const condition = { attr: 'request_id', exists: true } as const;
      const command = requests.build(UpdateItemCommand).item(request).options({ condition, returnValues: 'ALL_NEW' });
      return (await command.send()).Attributes;
    },
    newest: async () => {
      const query = table.build(QueryCommand).entities(requests).query({ index: 'byStatus', partition: 'RUNNING' });
      return (await query.options({ reverse: true, limit: NEWEST.limit }).send()).Items;
    },
  };
}

/** Each library's calls, and their names in the report. */
export const openLibraries = (): Readonly<Record<string, Calls>> => ({
  ours: ourCalls(),
  electrodb: electroCalls(),
  'dynamodb-toolbox': toolboxCalls(),
});

export async function benchProcessorTime(): Promise<Result[]> {
  const libraries = openLibraries();
  const [, ...others] = Object.keys(libraries);
  const perTurn = { get: 300, save: 200, update: 200, newest: 40 };
  const results: Result[] = [];
  for (const [call, runs] of Object.entries(perTurn) as [keyof Calls, number][]) {
    const alternatives = Object.entries(libraries).map(([name, calls]) => ({ name, run: () => calls[call]() }));
    const [mine = Number.NaN, ...theirs] = await compare(alternatives, ROUNDS, runs, processorTime);
    const what = { get: 'get', save: 'conditional save', update: 'update', newest: '50 newest by status' }[call];
    for (const [i, name] of others.entries()) {
      const baseline = theirs[i] as number;
      results.push({ what: `dynamodb: processor, ${what}`, ours: mine, baselineName: name, baseline, target: 1 });
    }
  }
  return results;
}
