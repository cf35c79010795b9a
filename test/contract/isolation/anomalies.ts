/**
 * Anomalies between transactions that are not isolated: those of https://github.com/ept/hermitage, with
 * its names and its rows. On a store that lets the parties take their turns as numbered, each anomaly happens unless
 * the store prevents it. Those of predicates are in `predicate-anomalies.ts`.
 */
import type { Scenario } from './party.ts';

export interface Anomaly extends Omit<Scenario, 'rows'> {
  readonly name: string;
}

const [a, b] = ['requests/a', 'requests/b'] as const;

/** The rows before each anomaly. */
export const rows: Scenario['rows'] = {
  [a]: { machine_count: 10, status: 'PENDING' },
  [b]: { machine_count: 20, status: 'PENDING' },
};

export const anomalies: readonly Anomaly[] = [
  {
    name: 'G0: dirty writes',
    parties: [
      async (at) => {
        await at(1).set(a, 11);
        await at(4).set(b, 21);
      },
      async (at) => {
        await at(2).set(a, 12);
        await at(3).set(b, 22);
      },
    ],
  },
  {
    name: 'G1a: aborted reads',
    parties: [
      async (at) => {
        await at(1).set(a, 101);
        await at(3).rollBack();
      },
      async (at) => {
        await at(2).get(a);
        await at(4).get(a);
      },
    ],
  },
  {
    name: 'G1a: aborted reads, outside transactions',
    parties: [
      async (at) => {
        await at(1).set(a, 101);
        await at(3).rollBack();
      },
    ],
    observers: [{ at: [2, 3, 4] }],
  },
  {
    name: 'G1b: intermediate reads',
    parties: [
      async (at) => {
        await at(1).set(a, 101);
        await at(3).set(a, 11);
        await at(4).commit();
      },
      async (at) => {
        await at(2).get(a);
        await at(5).get(a);
      },
    ],
  },
  {
    name: 'G1b: intermediate reads, outside transactions',
    parties: [
      async (at) => {
        await at(1).set(a, 101);
        await at(3).set(a, 11);
        await at(5).commit();
      },
    ],
    observers: [{ at: [2, 4, 5, 6] }],
  },
  {
    name: 'G1c: circular information flow',
    parties: [
      async (at) => {
        await at(1).set(a, 11);
        await at(3).get(b);
        await at(5).commit();
      },
      async (at) => {
        await at(2).set(b, 22);
        await at(4).get(a);
      },
    ],
  },
  {
    name: 'OTV: observed transaction vanishes',
    parties: [
      async (at) => {
        await at(1).set(a, 11);
        await at(2).set(b, 19);
        await at(4).commit();
      },
      async (at) => {
        await at(3).set(a, 12);
        await at(7).set(b, 18);
        await at(8).commit();
      },
      async (at) => {
        await at(5).get(a);
        await at(6).get(b);
        await at(9).get(b);
        await at(10).get(a);
      },
    ],
  },
  {
    name: 'OTV: observed transaction vanishes, outside transactions',
    parties: [
      async (at) => {
        await at(1).set(a, 11);
        await at(2).set(b, 19);
        await at(4).commit();
      },
      async (at) => {
        await at(3).set(a, 12);
        await at(6).set(b, 18);
        await at(7).commit();
      },
    ],
    observers: [{ at: [4, 5, 7, 8] }],
  },
  {
    name: 'P4: lost update',
    parties: [
      async (at) => {
        const read = (await at(1).get(a)) ?? 0;
        await at(3).set(a, read + 1);
        await at(4).commit();
      },
      async (at) => {
        const read = (await at(2).get(a)) ?? 0;
        await at(5).set(a, read + 1);
      },
    ],
  },
  {
    name: 'G-single: read skew',
    parties: [
      async (at) => {
        await at(1).get(a);
        await at(7).get(b);
      },
      async (at) => {
        await at(2).get(a);
        await at(3).get(b);
        await at(4).set(a, 12);
        await at(5).set(b, 18);
        await at(6).commit();
      },
    ],
  },
  {
    // The transaction must not see what its client reads outside it.
    name: 'G-single: read skew, with reads outside the transaction',
    parties: [
      async (at) => {
        await at(1).get(a);
        await at(6).get(b);
      },
      async (at) => {
        await at(2).set(a, 12);
        await at(3).set(b, 18);
        await at(4).commit();
      },
    ],
    observers: [{ at: [5], beside: 0 }],
  },
  {
    name: 'G2-item: write skew',
    parties: [
      async (at) => {
        await at(1).get(a);
        await at(2).get(b);
        await at(5).set(a, 11);
        await at(7).commit();
      },
      async (at) => {
        await at(3).get(a);
        await at(4).get(b);
        await at(6).set(b, 21);
      },
    ],
  },
  {
    name: 'G2: anti-dependency cycles, two edges',
    // The third must not see the state before the second has committed.
    beginAt: [1, 3, 6],
    parties: [
      async (at) => {
        await at(1).get(a);
        await at(2).get(b);
        await at(9).set(a, 0);
      },
      async (at) => {
        const read = (await at(3).get(b)) ?? 0;
        await at(4).set(b, read + 5);
        await at(5).commit();
      },
      async (at) => {
        await at(6).get(a);
        await at(7).get(b);
        await at(8).commit();
      },
    ],
  },
];
