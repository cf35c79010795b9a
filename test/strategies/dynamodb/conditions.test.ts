/** SPEC.md's features of DynamoDB only: queryByGsi, updates with a condition expression, tx.conditionalUpdate. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { ConcurrencyConflictError, EntityNotFoundError, ValidationError } from '../../../lib/repository/errors.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import type { DynamodbStorageStrategy } from '../../../lib/strategies/dynamodb/dynamodb-strategy.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { newTestTables } from '../../backends/test-tables.ts';
import { rejection } from '../../contract/rejection.ts';
import { machine, newId, request, saveRequest, saveTemplate } from '../../contract/samples.ts';

let repository: StorageRepository;
let store: DynamodbStorageStrategy;

beforeAll(async () => {
  repository = await openRepository({ storage: { strategy: 'dynamodb', dynamodb_strategy: newTestTables() } });
  store = repository.strategy as DynamodbStorageStrategy;
});
afterAll(() => repository.close());

describe('queryByGsi', () => {
  const indexName = 'template_id-created_at-index';

  test("SPEC.md's example", async () => {
    const { template_id } = await saveTemplate(repository);
    const saved = [1, 2, 3].map((day) => request(template_id, { created_at: `2026-01-0${day}T00:00:00Z` }));
    for (const entity of saved) await repository.saveEntity('requests', entity);
    const query = {
      indexName,
      keyCondition: 'template_id = :template_id',
      expressionValues: { ':template_id': template_id },
    };
    const idsOf = (found: readonly { request_id: string }[]) => found.map(({ request_id }) => request_id);
    const ids = idsOf(saved);
    expect(idsOf(await store.queryByGsi('requests', query))).toEqual(ids);
    expect(idsOf(await store.queryByGsi('requests', { ...query, descending: true, limit: 2 }))).toEqual(
      ids.toReversed().slice(0, 2),
    );
    const since = {
      ...query,
      keyCondition: 'template_id=:template_id and created_at BETWEEN :from AND :to',
      expressionValues: {
        ...query.expressionValues,
        ':from': '2026-01-02T00:00:00.000Z',
        ':to': '2026-01-02T00:00:00.000Z',
      },
    };
    expect(idsOf(await store.queryByGsi('requests', since))).toEqual([ids[1]]);
  });

  test.each([
    [{ indexName: 'nothing', keyCondition: 'a = :a', expressionValues: { ':a': 1 } }, 'indexName'],
    [{ indexName, keyCondition: 'template_id = :a' }, 'expressionValues'],
    [{ indexName, keyCondition: 'template_id = :a', expressionValues: { ':a': 'x', ':b': 'y' } }, 'expressionValues'],
    [{ indexName, keyCondition: 'template_id = "x"; DROP' }, 'keyCondition'],
    [{ indexName, keyCondition: '' }, 'keyCondition'],
    [{ indexName, keyCondition: 'template_id = :a', expressionValues: { ':a': 'x' }, limit: 0 }, 'limit'],
  ])('%j is refused', async (query, path) => {
    const error = await rejection(store.queryByGsi('requests', query));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).problems.map((problem) => problem.path)).toEqual([path]);
  });
});

describe('updateEntity with a condition', () => {
  const condition = (version: number) => ({
    conditionExpression: 'attribute_exists(request_id) AND version = :expected_version',
    expressionValues: { ':expected_version': version },
  });

  test("SPEC.md's example: written if the condition holds, else a conflict with the current entity", async () => {
    const { request_id } = await saveRequest(repository);
    const updated = await store.updateEntity('requests', request_id, { status: 'RUNNING', note: 'x' }, condition(1));
    expect(updated).toMatchObject({ status: 'RUNNING', note: 'x', version: 2 });
    expect(await repository.getEntity('requests', request_id)).toEqual(updated);
    const error = await rejection(store.updateEntity('requests', request_id, { status: 'LATE' }, condition(1)));
    expect(error).toBeInstanceOf(ConcurrencyConflictError);
    expect(error).toMatchObject({ currentVersion: 2, current: updated });
    expect(await repository.getEntity('requests', request_id)).toEqual(updated);
  });

  test('reserved words, functions and undeclared fields', async () => {
    const { request_id } = await saveRequest(repository, { status: 'PENDING', name: 'n', size: 3 } as never);
    const conditionExpression =
      '(status = :a OR status IN (:b, :c)) AND NOT attribute_exists(comment) AND begins_with(name, :n) AND size >= :s';
    const expressionValues = { ':a': 'X', ':b': 'PENDING', ':c': 'Y', ':n': 'n', ':s': 3 };
    const options = { conditionExpression, expressionValues };
    const updated = await store.updateEntity('requests', request_id, { comment: 'c' }, options);
    expect(updated).toMatchObject({ comment: 'c', version: 2 });
    const again = await rejection(store.updateEntity('requests', request_id, { comment: 'd' }, options));
    expect(again).toBeInstanceOf(ConcurrencyConflictError);
  });

  test("a condition that DynamoDB does not understand is the caller's mistake", async () => {
    const { request_id } = await saveRequest(repository);
    for (const conditionExpression of ['status = = :a', 'status = :a AND', 'size(status)']) {
      const options = {
        conditionExpression,
        expressionValues: conditionExpression.includes(':a') ? { ':a': 'x' } : {},
      };
      const error = await rejection(store.updateEntity('requests', request_id, { status: 'X' }, options));
      expect(error).toBeInstanceOf(ValidationError);
    }
    const keyCondition = 'request_id = :a';
    const query = { indexName: 'status-created_at-index', keyCondition, expressionValues: { ':a': 'x' } };
    expect(await rejection(store.queryByGsi('requests', query))).toBeInstanceOf(ValidationError);
  });

  test('a missing entity, invalid changes, a reference to nothing', async () => {
    const id = newId('nowhere');
    const exists = { conditionExpression: 'attribute_not_exists(completed_at)' };
    expect(await rejection(store.updateEntity('requests', id, { status: 'X' }, exists))).toBeInstanceOf(
      EntityNotFoundError,
    );
    const { request_id } = await saveRequest(repository);
    expect(await rejection(store.updateEntity('requests', request_id, { status: '' }, exists))).toBeInstanceOf(
      ValidationError,
    );
    const moved = await rejection(store.updateEntity('requests', request_id, { template_id: id }, exists));
    expect(moved).toMatchObject({ code: 'template_not_found' });
  });
});

describe('tx.conditionalUpdate', () => {
  const isPending = { conditionExpression: 'status = :pending', expressionValues: { ':pending': 'PENDING' } };

  test('commits together with the rest of the transaction, or not at all', async () => {
    const parent = await saveRequest(repository);
    const one = await repository.saveEntity('machines', machine(parent, { status: 'PENDING' }));
    const two = await repository.saveEntity('machines', machine(parent, { status: 'RUNNING' }));
    const start = (id: string) =>
      store.withTransaction(async (tx) => {
        await tx.updateEntity('requests', parent.request_id, { status: `STARTING ${id}` });
        return tx.conditionalUpdate('machines', id, { status: 'RUNNING' }, isPending);
      });
    expect(await start(one.machine_id)).toMatchObject({ status: 'RUNNING', version: 2 });
    const before = await repository.getEntity('requests', parent.request_id);
    const error = await rejection(start(two.machine_id));
    expect(error).toBeInstanceOf(ConcurrencyConflictError);
    expect(error).toMatchObject({ current: two });
    expect(await repository.getEntity('requests', parent.request_id)).toEqual(before);
    expect(await repository.getEntity('machines', two.machine_id)).toEqual(two);
  });

  test('of many concurrent updates, one wins', async () => {
    const parent = await saveRequest(repository);
    const { machine_id } = await repository.saveEntity('machines', machine(parent, { status: 'PENDING' }));
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, i) =>
        store.withTransaction((tx) => tx.conditionalUpdate('machines', machine_id, { status: `BY_${i}` }, isPending)),
      ),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await repository.getEntity('machines', machine_id)).toMatchObject({ version: 2 });
  });
});
