/** The anomalies of `anomalies.ts` that need queries inside transactions. */
import type { Anomaly } from './anomalies.ts';

const [a, b, c, d] = ['requests/a', 'requests/b', 'requests/c', 'requests/d'] as const;

export const predicateAnomalies: readonly Anomaly[] = [
  {
    name: 'PMP: predicate-many-preceders',
    parties: [
      async (at) => {
        await at(1).query({ machine_count: 30 });
        await at(4).query({ machine_count: { gte: 30 } });
      },
      async (at) => {
        await at(2).save(c, 30);
        await at(3).commit();
      },
    ],
  },
  {
    name: 'PMP: predicate-many-preceders, write predicates',
    parties: [
      async (at) => {
        for (const [key, { machine_count }] of await at(1).query({})) await at(3).set(key, machine_count + 10);
        await at(4).commit();
      },
      async (at) => {
        for (const [key] of await at(2).query({ machine_count: 20 })) await at(5).delete(key);
      },
    ],
  },
  {
    name: 'G-single: read skew, predicate dependencies',
    parties: [
      async (at) => {
        await at(1).query({ machine_count: [10, 20] });
        await at(5).query({ machine_count: [12, 18] });
      },
      async (at) => {
        for (const [key] of await at(2).query({ machine_count: 10 })) await at(3).set(key, 12);
        await at(4).commit();
      },
    ],
  },
  {
    name: 'G-single: read skew, write predicates',
    parties: [
      async (at) => {
        await at(1).get(a);
        for (const [key] of await at(6).query({ machine_count: 20 })) await at(7).delete(key);
      },
      async (at) => {
        await at(2).query({});
        await at(3).set(a, 12);
        await at(4).set(b, 18);
        await at(5).commit();
      },
    ],
  },
  {
    name: 'G2: anti-dependency cycles',
    parties: [
      async (at) => {
        await at(1).query({ machine_count: { gte: 30 } });
        await at(3).save(c, 30);
        await at(5).commit();
      },
      async (at) => {
        await at(2).query({ machine_count: { gte: 30 } });
        await at(4).save(d, 42);
      },
    ],
  },
  {
    name: 'G2: anti-dependency cycles, over an index',
    parties: [
      async (at) => {
        await at(1).count({ status: 'RUNNING' });
        await at(3).save(c, 30, 'RUNNING');
        await at(5).commit();
      },
      async (at) => {
        await at(2).count({ status: 'RUNNING' });
        await at(4).save(d, 42, 'RUNNING');
      },
    ],
  },
];
