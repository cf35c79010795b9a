import type { ReturnConsumedCapacity } from '@aws-sdk/client-dynamodb';
import type { DynamoDBDocument, QueryCommandInput, ScanCommandInput } from '@aws-sdk/lib-dynamodb';
import { unmarshall } from '@aws-sdk/util-dynamodb';
import { backOff as backOffBy } from '../../../repository/backoff.ts';
import { StorageUnavailableError } from '../../../repository/errors.ts';
import { type Item, WRITE_ID } from '../items/item-codec.ts';
import type { DeleteItem, PutItem, UpdateItem } from '../writes/write-commands.ts';
import { asStorageError, permanentFailure } from './faults.ts';
import { answerWasLost } from './lost-answers.ts';

/** DynamoDB: 100 items in one BatchGetItem. */
const MAX_BATCH_GET = 100;
const MAX_PAUSE_MS = 2_000;
/** How long a write is retried while others keep changing what it depends on. */
export const CONTENTION_MS = 20_000;

/** A write of one item with a call of its own. */
export type SingleWrite = { readonly put: PutItem } | { readonly update: UpdateItem } | { readonly delete: DeleteItem };

/** A write of one item or, in a transaction, a check of one. */
export type ItemWrite = SingleWrite | { readonly check: DeleteItem };

/** The outcome of a write: the resulting item, if the call returns it, or the item that made the condition fail. */
export type WriteResult =
  | { readonly done: true; readonly item: Item | undefined }
  | { readonly done: false; readonly current: Item | undefined; readonly answerWasLost: boolean };

/** Why DynamoDB cancelled a transaction, item by item. */
export interface Cancellation {
  readonly code: string;
  readonly message?: string | undefined;
  /** For ConditionalCheckFailed: the current item. */
  readonly current: Item | undefined;
}

interface PageOfItems {
  readonly items: Item[];
  readonly next: Item | undefined;
  /** Number of items read. */
  readonly read: number;
  readonly readUnits: number;
}

const commandOf = (write: SingleWrite): PutItem | UpdateItem | DeleteItem =>
  'put' in write ? write.put : 'update' in write ? write.update : write.delete;

const tablesOf = (writes: readonly ItemWrite[]): string =>
  [...new Set(writes.map((write) => ('check' in write ? write.check : commandOf(write)).TableName))].join(', ');

const ALL_OLD = { ReturnValuesOnConditionCheckFailure: 'ALL_OLD' } as const;

/** Converts all numbers: those that other programs stored may have more digits than a double can hold. */
export const UNMARSHALL = { wrapNumbers: (text: string): number => Number(text) };

const itemIn = (error: unknown): Item | undefined => {
  const { Item: item } = error as { Item?: Parameters<typeof unmarshall>[0] };
  return item === undefined ? undefined : unmarshall(item, UNMARSHALL);
};

/** Calls of DynamoDB. They throw the errors of the repository, and retry long enough. */
export class DynamodbCalls {
  readonly #client: DynamoDBDocument;
  readonly #maxAttempts: number;
  readonly #readBack: ReadonlyMap<string, string> | undefined;

  /**
   * @param readBack partition keys by table, if the client (DAX) does not return the item that made a condition fail: it is
   *   then read
   */
  constructor(client: DynamoDBDocument, maxAttempts: number, readBack?: ReadonlyMap<string, string>) {
    this.#client = client;
    this.#maxAttempts = maxAttempts;
    this.#readBack = readBack;
  }

  async get(TableName: string, Key: Item, ConsistentRead: boolean): Promise<Item | undefined> {
    const { Item: item } = await this.#attempt('read an entity', TableName, () =>
      this.#client.get({ TableName, Key, ConsistentRead }),
    );
    return item;
  }

  /** The items with these keys, in no particular order; the keys must differ. */
  async getMany(TableName: string, keys: readonly Item[], ConsistentRead: boolean): Promise<Item[]> {
    const parts = Array.from({ length: Math.ceil(keys.length / MAX_BATCH_GET) }, (_, i) =>
      this.#getBatch(TableName, keys.slice(i * MAX_BATCH_GET, (i + 1) * MAX_BATCH_GET), ConsistentRead),
    );
    return (await Promise.all(parts)).flat();
  }

  /** @param answer whether to return the resulting item */
  async write(write: SingleWrite, answer: boolean): Promise<WriteResult> {
    try {
      const item = await this.#send(write, answer);
      return { done: true, item };
    } catch (error) {
      if ((error as Error).name !== 'ConditionalCheckFailedException') {
        throw asStorageError(error, 'write an entity', answerWasLost(error), tablesOf([write]));
      }
      const current = itemIn(error) ?? (await this.#readAgainst(write));
      return { done: false, current, answerWasLost: answerWasLost(error) };
    }
  }

  async #readAgainst(write: SingleWrite): Promise<Item | undefined> {
    if (this.#readBack === undefined) return undefined;
    const command = commandOf(write);
    const partitionKey = this.#readBack.get(command.TableName) as string;
    const key = 'Item' in command ? { [partitionKey]: command.Item[partitionKey] } : command.Key;
    return this.get(command.TableName, key, true);
  }

  /**
   * Commits all writes or none.
   * @returns undefined if it committed, else the reason for each write
   */
  async writeTogether(writes: readonly ItemWrite[]): Promise<Cancellation[] | undefined> {
    const TransactItems = writes.map((write) => {
      if ('put' in write) return { Put: { ...write.put, ...ALL_OLD } };
      if ('update' in write) return { Update: { ...write.update, ...ALL_OLD } };
      if ('delete' in write) return { Delete: { ...write.delete, ...ALL_OLD } };
      return { ConditionCheck: { ...write.check, ...ALL_OLD } };
    });
    try {
      // The SDK sends the same idempotency token with each attempt.
      await this.#client.transactWrite({ TransactItems });
      return undefined;
    } catch (error) {
      const { CancellationReasons: reasons } = error as { CancellationReasons?: { Code?: string; Message?: string }[] };
      if (reasons === undefined)
        throw asStorageError(error, 'commit a transaction', answerWasLost(error), tablesOf(writes));
      return reasons.map((reason) => ({
        code: reason.Code ?? 'None',
        message: reason.Message,
        current: itemIn(reason),
      }));
    }
  }

  /**
   * Commits all writes or none; a single write with a call of its own.
   * @param writeId identifies the writes, so that the work of an earlier attempt is recognised
   * @returns like `writeTogether`
   */
  async writeAll(writes: readonly ItemWrite[], writeId: string): Promise<Cancellation[] | undefined> {
    const [only] = writes;
    if (only === undefined || writes.length > 1 || 'check' in only) return this.writeTogether(writes);
    const result = await this.write(only, false);
    if (result.done || isOwn(result, only, writeId)) return undefined;
    return [{ code: 'ConditionalCheckFailed', current: result.current }];
  }

  /**
   * Like `writeTogether`, with retries if other writers interfered or capacity was lacking.
   * @throws StorageUnavailableError if that takes too long
   */
  async commit(writes: readonly ItemWrite[]): Promise<Cancellation[] | undefined> {
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; ; attempt++) {
      const failures = await this.writeTogether(writes);
      if (failures === undefined || failures.some(({ code }) => code === 'ConditionalCheckFailed')) return failures;
      requireRetryable(failures);
      if (performance.now() > deadline) throw contended(failures);
      await backOff(attempt);
    }
  }

  async query(input: QueryCommandInput): Promise<PageOfItems> {
    return pageOf(await this.#attempt('query', input.TableName, () => this.#client.query({ ...input, ...COUNTED })));
  }

  async scan(input: ScanCommandInput): Promise<PageOfItems> {
    return pageOf(await this.#attempt('scan', input.TableName, () => this.#client.scan({ ...input, ...COUNTED })));
  }

  async #send(write: SingleWrite, answer: boolean): Promise<Item | undefined> {
    if ('put' in write) {
      await this.#client.put({ ...write.put, ...ALL_OLD });
      return undefined;
    }
    if ('update' in write) {
      const ReturnValues = answer ? 'ALL_NEW' : 'NONE';
      const { Attributes } = await this.#client.update({ ...write.update, ...ALL_OLD, ReturnValues });
      return Attributes;
    }
    await this.#client.delete({ ...write.delete, ...ALL_OLD });
    return undefined;
  }

  /** One batch, repeated for the unprocessed keys; gives up if attempts make no progress. */
  async #getBatch(TableName: string, keys: readonly Item[], ConsistentRead: boolean): Promise<Item[]> {
    const found: Item[] = [];
    let left = keys;
    for (let fruitless = 0; left.length > 0; ) {
      const { Responses, UnprocessedKeys } = await this.#attempt('read entities', TableName, () =>
        this.#client.batchGet({ RequestItems: { [TableName]: { Keys: [...left], ConsistentRead } } }),
      );
      found.push(...(Responses?.[TableName] ?? []));
      const rest = UnprocessedKeys?.[TableName]?.Keys ?? [];
      fruitless = rest.length < left.length ? 0 : fruitless + 1;
      if (fruitless >= this.#maxAttempts) throw noCapacity(TableName, rest);
      left = rest;
      if (left.length > 0) await backOff(fruitless + 1);
    }
    return found;
  }

  async #attempt<T>(action: string, table: string | undefined, call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      throw asStorageError(error, action, false, table);
    }
  }
}

/** Whether a write failed because an earlier attempt of the same call, whose answer was lost, had succeeded. */
export const isOwn = (result: WriteResult & { done: false }, write: SingleWrite, writeId: string): boolean =>
  result.current === undefined ? 'delete' in write && result.answerWasLost : result.current[WRITE_ID] === writeId;

const COUNTED = { ReturnConsumedCapacity: 'TOTAL' as ReturnConsumedCapacity };

function pageOf(output: {
  Items?: Item[] | undefined;
  LastEvaluatedKey?: Item | undefined;
  ScannedCount?: number | undefined;
  ConsumedCapacity?: { CapacityUnits?: number | undefined } | undefined;
}): PageOfItems {
  const { Items = [], LastEvaluatedKey, ScannedCount = 0, ConsumedCapacity } = output;
  return { items: Items, next: LastEvaluatedKey, read: ScannedCount, readUnits: ConsumedCapacity?.CapacityUnits ?? 0 };
}

/** A pause that grows with the attempts, with jitter so that callers do not collide again. */
export const backOff = (attempt: number): Promise<void> => backOffBy(attempt, { baseMs: 50, longestMs: MAX_PAUSE_MS });

const noCapacity = (table: string, keys: readonly Item[]): StorageUnavailableError => {
  const ids = keys.slice(0, 5).map((key) => JSON.stringify(Object.values(key)[0]));
  return new StorageUnavailableError(
    `DynamoDB had no capacity left to read ${keys.length} entities of ${table}: ${ids.join(', ')}${keys.length > 5 ? ', …' : ''}. Try again.`,
  );
};

/** @throws StorageError if one of the failures would recur on every attempt */
export function requireRetryable(failures: readonly Cancellation[]): void {
  for (const failure of failures) {
    const error = permanentFailure(failure);
    if (error !== undefined) throw error;
  }
}

export const contended = (failures: readonly Cancellation[]): StorageUnavailableError => {
  const codes = [...new Set(failures.map(({ code }) => code))].filter((code) => code !== 'None').join(', ');
  return new StorageUnavailableError(
    `The write could not be committed for ${CONTENTION_MS / 1000} s: others kept changing the same entities, or DynamoDB has no capacity left (${codes}). Nothing was stored; try again.`,
  );
};
