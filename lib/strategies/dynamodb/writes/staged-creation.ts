/**
 * Creates more entities than one transaction can hold. The first is written hidden, then the others, then the first is
 * revealed: a reader of the first sees all of them or none. If the same call is repeated after a crash or concurrently, it
 * takes over: it changes the token under which the first is hidden, so that the earlier call can no longer reveal or undo
 * anything, and marks the existing entities as its own.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CollectionName } from '../../../model/collections.ts';
import type { Entity } from '../../../model/entities.ts';
import { StorageUnavailableError, UnsupportedOperationError } from '../../../repository/errors.ts';
import {
  type GuardedWrite,
  guardFailure,
  type PutWrite,
  putEntity,
  WriteRejected,
} from '../../../repository/guarded-write.ts';
import { concurrently } from '../calls/concurrently.ts';
import { backOff, CONTENTION_MS, type DynamodbCalls, type ItemWrite } from '../calls/dynamodb-calls.ts';
import { entityOf, type Item, isHidden, keyOf, STAGED, WRITE_ID } from '../items/item-codec.ts';
import { markItem, revealItem, stageItem, undoItem } from './staging-commands.ts';
import { createItem, existsCheck } from './write-commands.ts';

const isCreation = (write: GuardedWrite): write is PutWrite => write.kind === 'put' && write.expect === 0;

/** The fields that are the same each time a creation is repeated. */
function contentOf({ created_at: _1, updated_at: _2, version: _3, ...fields }: Readonly<Record<string, unknown>>) {
  return fields;
}

export class StagedCreation {
  readonly #calls: DynamodbCalls;
  readonly #tableName: (collection: CollectionName) => string;
  readonly #writeId = crypto.randomUUID();
  readonly #token = crypto.randomUUID();

  constructor(calls: DynamodbCalls, tableName: (collection: CollectionName) => string) {
    this.#calls = calls;
    this.#tableName = tableName;
  }

  /**
   * @param writes creations, the first of which becomes visible last, and checks that entities exist
   * @returns the entity of each creation
   * @throws WriteRejected if an entity exists with other content, or an entity to be checked is missing
   */
  async run(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    const [root] = writes;
    if (root === undefined || !isCreation(root)) throw unsupported();
    const checks = writes.flatMap((write, index) => (write.kind === 'check' ? [{ write, index }] : []));
    const others = writes.flatMap((write, index) => (index > 0 && isCreation(write) ? [{ write, index }] : []));
    if (1 + checks.length + others.length !== writes.length || checks.some(({ write }) => write.expect !== 'exists')) {
      throw unsupported();
    }
    const entities: (Entity | undefined)[] = writes.map(() => undefined);
    entities[0] = await this.#stage(writes, root, checks);
    const created: PutWrite[] = [];
    try {
      await concurrently(others, async ({ write, index }) => {
        entities[index] = await this.#create(write, index);
        created.push(write);
      });
      const update = revealItem(this.#tableName(root.collection), root, this.#token);
      await this.#together([{ update }], writes, checks);
    } catch (error) {
      if (error instanceof Staged) throw await this.#outcomeOfOther(root);
      if (error instanceof WriteRejected) await this.#undo(root, created);
      throw error;
    }
    return entities;
  }

  /** Writes the first entity hidden, or takes over that of another attempt. */
  async #stage(
    writes: readonly GuardedWrite[],
    root: PutWrite,
    checks: readonly { readonly write: GuardedWrite; readonly index: number }[],
  ): Promise<Entity> {
    const table = this.#tableName(root.collection);
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; performance.now() < deadline; attempt++) {
      try {
        await this.#together([{ put: stageItem(table, root, this.#writeId, this.#token) }], writes, checks);
        return putEntity(root, undefined, 1);
      } catch (error) {
        if (!(error instanceof Staged)) throw error;
        const entity = entityOf(root.collection, error.item);
        if (!isDeepStrictEqual(contentOf(entity), contentOf(root.fields))) throw new BeingCreated(root);
        if (await this.#mark(root, STAGED, error.item[STAGED] as string, this.#token)) return entity;
      }
      await backOff(attempt);
    }
    throw new BeingCreated(root);
  }

  /** Creates one of the other entities, or takes over the same one of an earlier attempt. */
  async #create(put: PutWrite, index: number): Promise<Entity> {
    const command = { put: createItem(this.#tableName(put.collection), put, this.#writeId) };
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; performance.now() < deadline; attempt++) {
      const result = await this.#calls.write(command, false);
      if (result.done) return putEntity(put, undefined, 1);
      const { current: item } = result;
      const current = item === undefined ? undefined : entityOf(put.collection, item);
      if (current?.version !== 1 || !isDeepStrictEqual(contentOf(current), contentOf(put.fields))) {
        throw new WriteRejected(index, 'exists', current);
      }
      const owner = item?.[WRITE_ID];
      // This call's own write, whose answer was lost.
      if (owner === this.#writeId) return current;
      // The attempt that created it must no longer undo it.
      if (typeof owner === 'string' && (await this.#mark(put, WRITE_ID, owner, this.#writeId))) return current;
      await backOff(attempt);
    }
    throw new BeingCreated(put);
  }

  /** Replaces a mark of an item if it has not changed since it was read. */
  async #mark(put: PutWrite, attribute: string, from: string, to: string): Promise<boolean> {
    const update = markItem(this.#tableName(put.collection), put, attribute, from, to);
    const result = await this.#calls.write({ update }, false);
    return result.done || result.current?.[attribute] === to;
  }

  /** The outcome of the creation that another call has taken over: an error in every case. */
  async #outcomeOfOther(root: PutWrite): Promise<Error> {
    const deadline = performance.now() + CONTENTION_MS;
    for (let attempt = 1; performance.now() < deadline; attempt++) {
      const { collection, id } = root;
      const item = await this.#calls.get(this.#tableName(collection), keyOf(collection, id), true);
      if (item === undefined) break;
      if (!isHidden(item)) return new WriteRejected(0, 'exists', entityOf(collection, item));
      await backOff(attempt);
    }
    return new BeingCreated(root);
  }

  /** Commits a write of the first entity together with the checks. */
  async #together(
    first: readonly [ItemWrite],
    writes: readonly GuardedWrite[],
    checks: readonly { readonly write: GuardedWrite; readonly index: number }[],
  ): Promise<void> {
    const commands = checks.map(({ write: { collection, id } }) => ({
      check: existsCheck(this.#tableName(collection), collection, id),
    }));
    const failures = await this.#calls.commit([...first, ...commands]);
    if (failures === undefined) return;
    for (const [i, { code, current: item }] of failures.entries()) {
      if (code !== 'ConditionalCheckFailed') continue;
      if (i === 0 && item !== undefined && isHidden(item)) throw new Staged(item);
      const index = i === 0 ? 0 : (checks[i - 1]?.index as number);
      const write = writes[index] as GuardedWrite;
      const current = item === undefined || isHidden(item) ? undefined : entityOf(write.collection, item);
      if (i === 0 && current === undefined) throw new BeingCreated(write);
      throw new WriteRejected(index, guardFailure(write, current) ?? 'conflict', current);
    }
  }

  /**
   * Deletes the entities that this attempt has created, unless another one has taken over. A repetition of the call takes
   * over those that cannot be deleted now.
   */
  async #undo(root: PutWrite, created: readonly PutWrite[]): Promise<void> {
    const remove = async (put: PutWrite, attribute: string, mark: string): Promise<boolean> => {
      const command = { delete: undoItem(this.#tableName(put.collection), put, attribute, mark) };
      const result = await this.#calls.write(command, false).catch(() => undefined);
      return result !== undefined && (result.done || (result.current === undefined && result.answerWasLost));
    };
    if (!(await remove(root, STAGED, this.#token))) return;
    await concurrently(created, (put) => remove(put, WRITE_ID, this.#writeId));
  }
}

/** The first entity exists, but is hidden. */
class Staged extends Error {
  readonly item: Item;

  constructor(item: Item) {
    super('staged');
    this.item = item;
  }
}

/** The entity is hidden: another call is creating it together with others. */
export class BeingCreated extends StorageUnavailableError {
  constructor({ collection, id }: Pick<GuardedWrite, 'collection' | 'id'>) {
    super(
      `${collection} ${JSON.stringify(id)} is being created together with others by another call, or that call was ` +
        'interrupted. Try again; if the error persists, repeat that call unchanged, or choose another id.',
    );
    this.name = 'StorageUnavailableError';
  }
}

const unsupported = (): UnsupportedOperationError =>
  new UnsupportedOperationError(
    'More than 100 writes can be committed together only if all of them create entities. Use several transactions.',
  );
