/** Rules that others have added to the tables: breaking them is not retried. */
import { describe, expect, test } from '@jest/globals';
import { ConfigurationError } from '../../../lib/repository/errors.ts';
import { problemAnswer } from '../../../lib/service/http/problems.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { rejection } from '../../contract/rejection.ts';
import { machine, request, template } from '../../contract/samples.ts';
import { type DatabaseKind, databaseKinds, type TestDatabase } from './databases.ts';
import { addToMachines } from './own-columns.ts';
import { doctor } from './run-doctor.ts';

async function prepared(kind: DatabaseKind, change: (database: TestDatabase) => Promise<unknown>) {
  await using stack = new AsyncDisposableStack();
  const database = stack.use(await kind.create());
  await (await openRepository(database.storage())).close();
  await change(database);
  const repository = stack.use(await openRepository(database.storage()));
  await repository.saveEntity('templates', template({ template_id: 't-1', name: 'taken' }));
  const parent = await repository.saveEntity('requests', request('t-1', { request_id: 'r-1' }));
  const moved = stack.move();
  return { database, repository, parent, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

function requireFinal(error: Error, named: readonly (string | RegExp)[]): void {
  expect(error).toBeInstanceOf(ConfigurationError);
  expect(error).toMatchObject({ retryable: false });
  for (const text of named) expect(error.message).toMatch(text);
  const { status, headers, body } = problemAnswer(error);
  expect({ status, retry: headers?.['Retry-After'] }).toEqual({ status: 500, retry: undefined });
  for (const text of named) expect(JSON.stringify(body)).not.toMatch(text);
}

describe.each(databaseKinds)('$name', (kind) => {
  test('a NOT NULL column: every kind of write names it, and doctor does, too', async () => {
    await using given = await prepared(kind, (database) => addToMachines(kind, database, 'owner TEXT NOT NULL'));
    const { repository, parent } = given;
    const child = machine(parent, { machine_id: 'm-1' });
    requireFinal(await rejection(repository.saveEntity('machines', child)), ['owner', 'machines']);
    const entities = [{ ...child, version: 1 }];
    requireFinal(await rejection(repository.strategy.load('machines', entities as never)), ['owner', 'machines']);
    const together = repository.transaction(async (unit) => {
      await unit.saveEntity('machines', child);
    });
    requireFinal(await rejection(together), ['owner', 'machines']);
    const [first] = await repository.saveEntities('machines', [child, machine(parent, { machine_id: 'm-2' })]);
    expect(first).toMatchObject({ status: 'failed' });
    const { code, errors } = await doctor(given.database.storage());
    expect(code).toBe(3);
    expect(errors).toEqual([
      expect.stringMatching(/^The column owner is unknown to this program: .* does not accept NULL/),
    ]);
  });

  test('a check', async () => {
    const definition = "CONSTRAINT own_check CHECK (status <> 'BAD')";
    await using given = await prepared(kind, (database) => addToMachines(kind, database, definition));
    const { repository, parent } = given;
    requireFinal(await rejection(repository.saveEntity('machines', machine(parent, { status: 'BAD' }))), ['own_check']);
    await repository.saveEntity('machines', machine(parent, { status: 'GOOD' }));
  });

  test('a unique index', async () => {
    await using given = await prepared(kind, (database) =>
      database.run('CREATE UNIQUE INDEX own_index ON templates (name)'),
    );
    const { repository } = given;
    const named = [/own_index|templates\.name/];
    requireFinal(await rejection(repository.saveEntity('templates', template({ name: 'taken' }))), named);
    const loaded = { ...template({ name: 'taken' }), version: 1 };
    requireFinal(await rejection(repository.strategy.load('templates', [loaded] as never)), named);
    await repository.saveEntity('templates', template({ name: 'free' }));
  });

  test('other concurrent saves are still stored', async () => {
    await using given = await prepared(kind, (database) => addToMachines(kind, database, 'owner TEXT NOT NULL'));
    const { repository, parent } = given;
    const outcomes = await Promise.allSettled(
      Array.from({ length: 10 }, (_, i) =>
        i % 2 === 0
          ? repository.saveEntity('templates', template({ template_id: `t-${i}` }))
          : repository.saveEntity('machines', machine(parent, { machine_id: `m-${i}` })),
      ),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(
      outcomes.map((_, i) => (i % 2 === 0 ? 'fulfilled' : 'rejected')),
    );
  });
});
