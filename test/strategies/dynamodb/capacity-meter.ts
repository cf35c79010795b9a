/** Measures the cost of DynamoDB calls, as DynamoDB reports it (ReturnConsumedCapacity), or would report it on AWS. */
import type {
  BatchGetItemCommandInput,
  Capacity,
  ConsumedCapacity,
  DynamoDBClient,
  QueryCommandInput,
  TransactWriteItemsCommandInput,
} from '@aws-sdk/client-dynamodb';

export interface Cost {
  /** Requests over the network, retries included. */
  readonly requests: number;
  readonly readUnits: number;
  /** Of tables and of their indexes. */
  readonly writeUnits: number;
}

interface Reply {
  readonly $metadata?: { readonly attempts?: number };
  readonly ConsumedCapacity?: ConsumedCapacity | readonly ConsumedCapacity[];
  readonly Responses?: Readonly<Record<string, readonly unknown[]>>;
}

const READS = /^(Get|BatchGet|Query|Scan)/;

const unitsOf = ({ CapacityUnits = 0 }: Capacity = {}): number => CapacityUnits;
const reported = ({ ConsumedCapacity = [] }: Reply): readonly ConsumedCapacity[] => [ConsumedCapacity].flat();
const total = (reply: Reply): number => reported(reply).reduce((sum, capacity) => sum + unitsOf(capacity), 0);
const atLeast = (consistent: boolean | undefined): number => (consistent ? 1 : 0.5);

/**
 * DynamoDB Local reports only one item of each table in a transaction, and its index entries doubled. AWS: all items, two
 * units each, and index entries at the cost outside a transaction (awslabs/amazon-dynamodb-local-samples#31,
 * nubo-db/dynoxide#188). So what is reported of one item counts for all of its table, which must be alike.
 */
function transactionUnits({ TransactItems = [] }: TransactWriteItemsCommandInput, reply: Reply): number {
  const tables = TransactItems.map(
    ({ Put, Update, Delete, ConditionCheck }) => (Put ?? Update ?? Delete ?? ConditionCheck)?.TableName,
  );
  const units = reported(reply).map(({ TableName, Table, GlobalSecondaryIndexes = {} }) => {
    if (unitsOf(Table) !== 2) {
      throw new Error(
        `DynamoDB Local reports ${unitsOf(Table)} units of ${TableName} for a transaction, not 2 as it did.`,
      );
    }
    const entries = Object.values(GlobalSecondaryIndexes).reduce((sum, index) => sum + unitsOf(index), 0) / 2;
    return tables.filter((table) => table === TableName).length * (unitsOf(Table) + entries);
  });
  return units.reduce((sum, all) => sum + all, 0);
}

/** DynamoDB Local omits missing items, which AWS counts (awslabs/amazon-dynamodb-local-samples#7). */
function batchGetUnits({ RequestItems = {} }: BatchGetItemCommandInput, reply: Reply): number {
  const absent = Object.entries(RequestItems).map(
    ([table, { Keys = [], ConsistentRead }]) =>
      (Keys.length - (reply.Responses?.[table]?.length ?? 0)) * atLeast(ConsistentRead),
  );
  return absent.reduce((sum, units) => sum + units, total(reply));
}

function units(commandName: string, input: object, reply: Reply): number {
  if (commandName.startsWith('TransactWrite')) return transactionUnits(input as TransactWriteItemsCommandInput, reply);
  if (commandName.startsWith('BatchGet')) return batchGetUnits(input as BatchGetItemCommandInput, reply);
  // A query that finds nothing is free only on DynamoDB Local.
  if (READS.test(commandName)) return Math.max(total(reply), atLeast((input as QueryCommandInput).ConsistentRead));
  return total(reply);
}

export class CapacityMeter {
  #cost: Cost = { requests: 0, readUnits: 0, writeUnits: 0 };

  /** Counts every command of the client from now on. */
  constructor(client: DynamoDBClient) {
    client.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          const input = { ...args.input, ReturnConsumedCapacity: 'INDEXES' };
          const result = await next({ ...args, input });
          const reply = result.output as Reply;
          this.#add(commandName, reply, units(commandName, input, reply));
          return result;
        },
      { step: 'initialize', name: 'capacityMeter' },
    );
  }

  /**
   * The cost of some work, none of whose calls may fail: DynamoDB does not report the cost of failed calls. One at a time:
   * everything that the client does meanwhile is counted.
   */
  async measure(work: () => Promise<unknown>): Promise<Cost> {
    this.#cost = { requests: 0, readUnits: 0, writeUnits: 0 };
    await work();
    return this.#cost;
  }

  #add(commandName: string, { $metadata }: Reply, consumed: number): void {
    const { requests, readUnits, writeUnits } = this.#cost;
    const reads = READS.test(commandName);
    this.#cost = {
      requests: requests + ($metadata?.attempts ?? 1),
      readUnits: readUnits + (reads ? consumed : 0),
      writeUnits: writeUnits + (reads ? 0 : consumed),
    };
  }
}
