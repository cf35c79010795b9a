/** Transactions that DynamoDB cancels or refuses: retried if that helps, otherwise an immediate error. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { EntityInput } from '../../../lib/model/entities.ts';
import { ValidationError } from '../../../lib/repository/errors.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { saveTemplate, template } from '../../contract/samples.ts';
import { type Call, type Fault, failing, openBehindFaults, type StoreBehindFaults } from './faulty-dynamodb.ts';

let behind: StoreBehindFaults;
beforeAll(async () => {
  behind = await openBehindFaults();
});
afterAll(async () => behind[Symbol.asyncDispose]());
beforeEach(() => behind.renew());

describe('TransactionCanceled', () => {
  const SIZE = 5;
  const positions = [0, 2, SIZE - 1];

  const cancelled =
    (code: string, at: number): Fault =>
    async ({ input }: Call) => {
      const CancellationReasons = input.TransactItems.map((_: object, i: number) =>
        i === at ? { Code: code, Message: `${code} of the test` } : { Code: 'None' },
      );
      return failing('TransactionCanceledException', 400, { CancellationReasons });
    };

  const five = (): EntityInput<'templates'>[] => Array.from({ length: SIZE }, () => template());

  const kinds: [string, (store: Repository, all: EntityInput<'templates'>[]) => Promise<unknown>][] = [
    [
      'createTogether',
      (store, all) => store.createTogether(all.map((entity) => ({ collection: 'templates', entity }))),
    ],
    [
      'transaction',
      (store, all) =>
        store.transaction(async (tx) => {
          for (const entity of all) await tx.saveEntity('templates', entity);
        }),
    ],
  ];

  describe.each(kinds)('of %s', (_, run) => {
    test.each(
      ['ConditionalCheckFailed', 'TransactionConflict', 'ThrottlingError', 'ProvisionedThroughputExceeded'].flatMap(
        (code) => positions.map((at) => [code, at] as const),
      ),
    )('by %s of item %i: sent again until it commits', async (code, at) => {
      const { store, faults, direct } = behind;
      const all = five();
      faults.on('TransactWriteItems', cancelled(code, at), 2);
      await run(store, all);
      const { items } = await direct.getEntities(
        'templates',
        all.map(({ template_id }) => template_id),
      );
      expect(items.map(({ version }) => version)).toEqual([1, 1, 1, 1, 1]);
    });

    test.each(
      ['ValidationError', 'ItemCollectionSizeLimitExceeded'].flatMap((code) =>
        positions.map((at) => [code, at] as const),
      ),
    )('by %s of item %i: ValidationError at once', async (code, at) => {
      const { store, faults, direct } = behind;
      const all = five();
      faults.on('TransactWriteItems', cancelled(code, at));
      expect(await rejection(run(store, all))).toBeInstanceOf(ValidationError);
      expect(faults.calls.filter((call) => call === 'TransactWriteItems')).toHaveLength(1);
      faults.heal();
      expect((await direct.getEntities('templates', [all[0]?.template_id as string])).items).toEqual([]);
      await run(store, all);
    });
  });

  test('TransactionInProgressException is retried with the same token', async () => {
    const { store, faults, direct } = behind;
    const { template_id } = await saveTemplate(direct);
    const tokens = new Set<string>();
    faults.on(
      'TransactWriteItems',
      async ({ input }) => {
        tokens.add(input.ClientRequestToken);
        return failing('TransactionInProgressException');
      },
      1,
    );
    faults.on('TransactWriteItems', async ({ input }, forward) => {
      tokens.add(input.ClientRequestToken);
      return forward();
    });
    await store.transaction(async (tx) => {
      await tx.updateEntity('templates', template_id, { name: 'Other' });
      await tx.saveEntity('templates', template());
    });
    expect(tokens.size).toBe(1);
    expect((await direct.getEntity('templates', template_id))?.version).toBe(2);
  });
});

test('a transaction of more than 4 MB is refused at once', async () => {
  const { store, direct } = behind;
  const all = Array.from({ length: 50 }, () => template({ filler: 'x'.repeat(100_000) }));
  const started = performance.now();
  const error = await rejection(
    store.createTogether(all.map((entity) => ({ collection: 'templates' as const, entity }))),
  );
  expect(error).toBeInstanceOf(ValidationError);
  expect(error.message).toContain('4 MB');
  expect(performance.now() - started).toBeLessThan(50_000);
  expect(await direct.getEntity('templates', all[0]?.template_id as string)).toBeUndefined();
});
