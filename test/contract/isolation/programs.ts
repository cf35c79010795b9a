/** Random transactions over three rows, as data, so that a failure can be read and made smaller. */
import fc from 'fast-check';
import type { Party, Scenario } from './party.ts';
import type { Fields, Key, Operation } from './rows.ts';
import { Pauses, type Schedule } from './schedule.ts';

interface Step {
  /** Before it, in units of time. */
  readonly pause: number;
  readonly operation: Operation;
}

export interface Program {
  readonly steps: readonly Step[];
  readonly rollsBack: boolean;
}

export interface Programs {
  readonly rows: Scenario['rows'];
  /** Two or three, each a transaction. */
  readonly programs: readonly Program[];
}

/** Plain objects, as they would be written by hand, so that a failure can be read. */
const record = <T>(model: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record<T>(model, { noNullPrototype: true }) as fc.Arbitrary<T>;

// Few rows and values, so that programs often collide.
const keys = ['requests/a', 'requests/b', 'machines/a'] as const satisfies Key[];
const key = fc.constantFrom(...keys);
const machine_count = fc.nat(3);
const status = fc.constantFrom('PENDING', 'RUNNING');
const fields: fc.Arbitrary<Fields> = record({ machine_count, status });
const atLeast = machine_count.map((gte) => ({ machine_count: { gte } }));
const everything = fc.constant({});
const search = fc.oneof(
  record({ from: fc.constant('requests' as const), filters: fc.oneof(everything, atLeast, record({ status })) }),
  record({ from: fc.constant('machines' as const), filters: fc.oneof(everything, record({ status })) }),
);

const get = key.map((of): Operation => ({ kind: 'get', key: of }));
const save = fc.tuple(key, fields).map(([of, all]): Operation => ({ kind: 'save', key: of, fields: all }));
const update = fc
  .tuple(key, fc.oneof(fields, record({ machine_count })))
  .map(([of, some]): Operation => ({ kind: 'update', key: of, fields: some }));
const remove = key.map((of): Operation => ({ kind: 'delete', key: of }));
const query = fc
  .tuple(fc.constantFrom('query' as const, 'count' as const), search)
  .map(([kind, of]): Operation => ({ kind, ...of }));

/**
 * @param queries whether the store allows them inside transactions
 * @param deletes whether a transaction detects that an entity it read was deleted and created again
 */
export const programs = (queries: boolean, deletes = true): fc.Arbitrary<Programs> => {
  const read = queries ? fc.oneof(get, query) : get;
  // With more writes nearly all programs would write the same rows, the conflict that is easiest to detect.
  const write = deletes ? fc.oneof(save, update, remove) : fc.oneof(save, update);
  const operation = fc.oneof({ weight: 3, arbitrary: read }, { weight: 2, arbitrary: write });
  const stepsOf = (one: fc.Arbitrary<Operation>) =>
    fc.array(record({ pause: fc.nat(3), operation: one }), { minLength: 2, maxLength: 4 });
  // A store may skip the commit of transactions that only read.
  const steps = fc.oneof({ weight: 3, arbitrary: stepsOf(operation) }, { weight: 1, arbitrary: stepsOf(read) });
  const rollsBack = fc.oneof({ weight: 9, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
  const rows: fc.Arbitrary<Scenario['rows']> = fc.dictionary(key, fields, { minKeys: 1, noNullPrototype: true });
  return record({ rows, programs: fc.array(record({ steps, rollsBack }), { minLength: 2, maxLength: 3 }) });
};

/** The turns of a party are its steps. */
const partyOf =
  ({ steps, rollsBack }: Program): Party =>
  async (at) => {
    for (const [turn, { operation }] of steps.entries()) await at(turn).perform(operation);
    if (rollsBack) await at(steps.length).rollBack();
  };

/** Every client also reads outside its transaction. */
export const scenarioOf = ({ rows, programs: all }: Programs): Scenario => ({
  rows,
  parties: all.map(partyOf),
  observers: all.map(({ steps }, beside) => ({ at: [...steps.keys()], beside })),
});

/** @param unit milliseconds: about what an operation takes */
export const pausesOf = ({ programs: all }: Programs, unit: number): Schedule =>
  new Pauses(all.map(({ steps }) => steps.map(({ pause }) => pause * unit)));
