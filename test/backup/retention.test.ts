import { expect, test } from '@jest/globals';
import type { Dated } from '../../lib/backup/list-backups.ts';
import { planPrune, type Retention } from '../../lib/backup/prune-backups.ts';

const nothing: Retention = { keep_last: 0, keep_daily: 0, keep_weekly: 0, keep_monthly: 0 };

const complete = (created_at: string): Dated => ({ id: created_at, state: 'complete', manifest: { created_at } });
const begun = (state: 'incomplete' | 'damaged' | 'newer', at: string): Dated => ({
  id: `${state} ${at}`,
  state,
  modifiedAt: new Date(at),
});

const kept = (times: readonly string[], retention: Partial<Retention>): string[] =>
  planPrune(times.map(complete), { ...nothing, ...retention }).keep.map(({ id }) => id);

const daysOf = (month: string, from: number, to: number): string[] =>
  Array.from({ length: to - from + 1 }, (_, i) => `${month}-${String(from + i).padStart(2, '0')}T03:00:00.000Z`);

const twoADay = [
  '2026-11-21T03:00:00.000Z',
  '2026-11-21T15:00:00.000Z',
  '2026-11-22T03:00:00.000Z',
  '2026-11-22T15:00:00.000Z',
];
const aroundMidnight = ['2026-11-21T23:59:59.999Z', '2026-11-22T00:00:00.000Z'];
// 2026-11-22 is a Sunday, 2026-11-23 a Monday.
const aroundSunday = ['2026-11-21T03:00:00.000Z', '2026-11-22T23:59:59.999Z', '2026-11-23T00:00:00.000Z'];
// Thursday 31 December and Friday 1 January are of one week and of two months and years.
const aroundNewYear = ['2026-12-27T03:00:00.000Z', '2026-12-31T23:59:59.999Z', '2027-01-01T00:00:00.000Z'];
const beforeEpoch = [
  '1969-12-28T23:00:00.000Z',
  '1969-12-29T00:00:00.000Z',
  '1970-01-04T23:00:00.000Z',
  '1970-01-05T00:00:00.000Z',
];

test.each<[string, readonly string[], Partial<Retention>, readonly number[]]>([
  ['nothing configured: the newest stays', twoADay, {}, [3]],
  ['the last two', twoADay, { keep_last: 2 }, [2, 3]],
  ['more than there are', twoADay, { keep_last: 9 }, [0, 1, 2, 3]],
  ['one a day: the newest of the day', twoADay, { keep_daily: 2 }, [1, 3]],
  ['one day', twoADay, { keep_daily: 1 }, [3]],
  ['days change at midnight UTC', aroundMidnight, { keep_daily: 2 }, [0, 1]],
  ['weeks begin on Monday', aroundSunday, { keep_weekly: 2 }, [1, 2]],
  ['a week over the end of a year', aroundNewYear, { keep_weekly: 2 }, [0, 2]],
  ['months over the end of a year', aroundNewYear, { keep_monthly: 2 }, [1, 2]],
  ['weeks around 1970', beforeEpoch, { keep_weekly: 3 }, [0, 2, 3]],
  [
    'rules add up',
    [...daysOf('2026-10', 30, 31), ...daysOf('2026-11', 1, 3)],
    { keep_last: 1, keep_daily: 2, keep_monthly: 2 },
    [1, 3, 4],
  ],
  [
    'days without a backup do not count',
    ['2026-01-01T03:00:00.000Z', '2026-06-01T03:00:00.000Z', '2026-11-01T03:00:00.000Z'],
    { keep_daily: 2 },
    [1, 2],
  ],
  ['none', [], { keep_last: 3 }, []],
])('%s', (_, times, retention, expected) => {
  expect(kept(times, retention)).toEqual(expected.map((i) => times[i]));
});

test('a year of nightly backups under the default: 7 last, 7 days, 4 weeks, 12 months', () => {
  const year = Array.from({ length: 365 }, (_, i) => new Date(Date.UTC(2026, 0, 1 + i, 3)).toISOString());
  const stay = kept(year, { keep_last: 7, keep_daily: 7, keep_weekly: 4, keep_monthly: 12 });
  expect(stay.slice(-7)).toEqual(daysOf('2026-12', 25, 31));
  expect(stay.filter((time) => time < '2026-12').map((time) => time.slice(5, 10))).toEqual([
    '01-31',
    '02-28',
    '03-31',
    '04-30',
    '05-31',
    '06-30',
    '07-31',
    '08-31',
    '09-30',
    '10-31',
    '11-30',
  ]);
  // Sundays before the last week, which ends on Thursday.
  expect(stay.filter((time) => time > '2026-12' && time < '2026-12-25')).toEqual(
    ['2026-12-13', '2026-12-20'].map((day) => `${day}T03:00:00.000Z`),
  );
});

test('what is not complete neither counts nor keeps others; what was cut off goes after a day, the rest is for people', () => {
  const at = new Date('2026-11-22T12:00:00.000Z');
  const backups = [
    complete('2026-11-20T03:00:00.000Z'),
    begun('incomplete', '2026-11-21T11:59:59.999Z'),
    begun('incomplete', '2026-11-21T12:00:00.000Z'),
    begun('damaged', '2026-01-01T00:00:00.000Z'),
    begun('newer', '2026-01-01T00:00:00.000Z'),
  ];
  const { keep, remove } = planPrune(backups, { ...nothing, keep_last: 1 }, at);
  expect(remove).toEqual([backups[1]]);
  expect(keep).toEqual([backups[0], ...backups.slice(2)]);
});
