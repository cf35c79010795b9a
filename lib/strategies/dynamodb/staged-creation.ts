/**
 * Creation of more entities than one transaction holds. The first is written hidden, then the others, then the first is
 * unveiled: who reads the first sees all of them or none. Every step may be repeated, also by another process: the same
 * call, sent again after a crash, finds what is there already and goes on.
 */
import { isDeepStrictEqual } from 'node:util';
import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { UnsupportedOperationError } from '../../repository/errors.ts';
import {
  type GuardedWrite,
  guardFailure,
  type PutWrite,
  putEntity,
  WriteRejected,
} from '../../repository/guarded-write.ts';
import { concurrently } from './concurrently.ts';
import type { DynamodbCalls, ItemWrite } from './dynamodb-calls.ts';
import { entityOf, type Item, isHidden, STAGED } from './item-codec.ts';
import { createItem, existsCheck, stageItem, undoItem, unveilItem } from './write-commands.ts';

const isCreation = (write: GuardedWrite): write is PutWrite => write.kind === 'put' && write.expect === 0;

/** The fields that are the same each time the same creation is sent. */
function lasting({ created_at: _1, updated_at: _2, version: _3, ...fields }: Readonly<Record<string, unknown>>) {
  return fields;
}

export class StagedCreation {
  readonly #calls: DynamodbCalls;
  readonly #tableName: (collection: CollectionName) => string;
  readonly #writeId = crypto.randomUUID();

  constructor(calls: DynamodbCalls, tableName: (collection: CollectionName) => string) {
    this.#calls = calls;
    this.#tableName = tableName;
  }

  /**
   * @param writes creations, the first of which is to be seen last, and checks that entities exist
   * @returns what each creation left behind
   * @throws WriteRejected where something of another content is there already, or an entity to be checked is missing
   */
  async run(writes: readonly GuardedWrite[]): Promise<(Entity | undefined)[]> {
    const [root] = writes;
    if (root === undefined || !isCreation(root)) throw unsupported();
    const checks = writes.flatMap((write, index) => (write.kind === 'check' ? [{ write, index }] : []));
    const others = writes.flatMap((write, index) => (index > 0 && isCreation(write) ? [{ write, index }] : []));
    if (1 + checks.length + others.length !== writes.length || checks.some(({ write }) => write.expect !== 'exists')) {
      throw unsupported();
    }
    const entities: (Entity | undefined)[] = [];
    const { token, entity } = await this.#stage(writes, root, checks);
    entities[0] = entity;
    const made: PutWrite[] = [];
    try {
      await concurrently(others, async ({ write, index }) => {
        entities[index] = await this.#create(write, index, made);
      });
      await this.#together([{ update: unveilItem(this.#tableName(root.collection), root, token) }], writes, checks);
    } catch (error) {
      if (error instanceof WriteRejected) await this.#undo([...made, root]);
      throw error;
    }
    for (let i = 0; i < writes.length; i++) entities[i] ??= undefined;
    return entities;
  }

  /** Writes the first entity hidden, or finds the one of an earlier attempt. */
  async #stage(
    writes: readonly GuardedWrite[],
    root: PutWrite,
    checks: readonly { readonly write: GuardedWrite; readonly index: number }[],
  ): Promise<{ token: string; entity: Entity }> {
    const token = crypto.randomUUID();
    const put = stageItem(this.#tableName(root.collection), root, this.#writeId, token);
    try {
      await this.#together([{ put }], writes, checks);
      return { token, entity: putEntity(root, undefined, 1) };
    } catch (error) {
      if (!(error instanceof Staged)) throw error;
      const entity = entityOf(root.collection, error.item);
      if (!isDeepStrictEqual(lasting(entity), lasting(root.fields))) throw new WriteRejected(0, 'exists', entity);
      return { token: error.item[STAGED] as string, entity };
    }
  }

  /** Creates one of the others, or takes the same one of an earlier attempt. */
  async #create(put: PutWrite, index: number, made: PutWrite[]): Promise<Entity> {
    const command = { put: createItem(this.#tableName(put.collection), put, this.#writeId) };
    const result = await this.#calls.write(command, false);
    if (result.done) {
      made.push(put);
      return putEntity(put, undefined, 1);
    }
    const current = result.current === undefined ? undefined : entityOf(put.collection, result.current);
    if (current?.version === 1 && isDeepStrictEqual(lasting(current), lasting(put.fields))) return current;
    throw new WriteRejected(index, 'exists', current);
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
      throw new WriteRejected(index, guardFailure(write, current) ?? 'conflict', current);
    }
  }

  /** Takes back what this attempt has made. What cannot be taken back now, the same call finds when it is sent again. */
  async #undo(puts: readonly PutWrite[]): Promise<void> {
    await concurrently(puts, async (put) => {
      const command = { delete: undoItem(this.#tableName(put.collection), put, this.#writeId) };
      await this.#calls.write(command, false).catch(() => {});
    });
  }
}

/** The first entity is there, hidden. */
class Staged extends Error {
  readonly item: Item;

  constructor(item: Item) {
    super('staged');
    this.item = item;
  }
}

const unsupported = (): UnsupportedOperationError =>
  new UnsupportedOperationError(
    'More than 100 writes can be committed together only where all of them create entities. Use several transactions.',
  );
