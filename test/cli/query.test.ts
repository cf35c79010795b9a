import { stripVTControlCharacters } from 'node:util';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Workplace } from './run-hfstorage.ts';

let place: Workplace;
const at = (hour: number) => `2026-11-22T${String(hour).padStart(2, '0')}:00:00.000Z`;
const statuses = ['PENDING', 'RUNNING', 'DONE'];

beforeAll(async () => {
  place = await Workplace.create({ enforce_references: false });
  const requests = Array.from({ length: 9 }, (_, i) => ({
    request_id: `r-${i}`,
    template_id: 't-1',
    machine_count: i,
    status: statuses[i % 3],
    created_at: at(i),
  }));
  await place.hfstorage(['save', 'requests', '-'], { input: JSON.stringify(requests) });
});
afterAll(async () => place.remove());

const ids = (stdout: string) =>
  (JSON.parse(stdout) as { items: { request_id: string }[] }).items.map(({ request_id }) => request_id);
const query = async (...args: string[]) => {
  const { code, stdout, stderr } = await place.hfstorage(['query', 'requests', ...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return ids(stdout);
};
const filters = (...texts: string[]) => texts.flatMap((text) => ['--filter', text]);

test.each([
  [filters('status=PENDING'), ['r-0', 'r-3', 'r-6']],
  [filters('status=PENDING', 'status=DONE', 'machine_count[lt]=4'), ['r-0', 'r-2', 'r-3']],
  [filters(`created_at[gte]=${at(3)}`, `created_at[lt]=${at(5)}`), ['r-3', 'r-4']],
  [filters('machine_count=4'), ['r-4']],
  [filters('status[ne]=PENDING', 'request_id[begins_with]=r-'), ['r-1', 'r-2', 'r-4', 'r-5', 'r-7', 'r-8']],
  [
    [...filters('status=DONE'), '--order-by', '-created_at'],
    ['r-8', 'r-5', 'r-2'],
  ],
  [
    ['--limit', '2', '--order-by', '-machine_count'],
    ['r-8', 'r-7'],
  ],
  [['--all', '--limit', '2'], statuses.concat(statuses, statuses).map((_, i) => `r-${i}`)],
  [['--all', ...filters('status=NONE')], []],
])('query %j', async (args, expected) => {
  expect(await query(...args)).toEqual(expected);
});

test('pages follow one another by --cursor', async () => {
  const first = await place.hfstorage(['query', 'requests', '--limit', '5']);
  const [, cursor = ''] = /^More follow: --cursor (\S+)\n$/.exec(first.stderr) ?? [];
  expect(first.stdout.split('\n')).toHaveLength(7);
  const second = await place.hfstorage(['query', 'requests', '--limit', '5', '--cursor', cursor, '--json']);
  expect(ids(second.stdout)).toEqual(['r-5', 'r-6', 'r-7', 'r-8']);
  expect(JSON.parse(second.stdout)).not.toHaveProperty('next_cursor');
  expect(JSON.parse((await place.hfstorage(['query', 'requests', '--limit', '5', '--json'])).stdout).next_cursor).toBe(
    cursor,
  );
  const other = await place.hfstorage([
    'query',
    'requests',
    '--limit',
    '5',
    '--cursor',
    cursor,
    '--order-by',
    'status',
  ]);
  expect(other).toMatchObject({ code: 2, stderr: expect.stringContaining('belongs to another query') });
});

test('--explain prints the index and the number of entities read', async () => {
  const people = await place.hfstorage(['query', 'requests', '--filter', 'status=DONE', '--explain']);
  expect(people.stderr).toBe('Answered by the index status-created_at-index; 3 entities were read.\n');
  const all = await place.hfstorage(['query', 'requests', '--filter', 'machine_count=1', '--all', '--explain']);
  expect(all.stderr).toBe('Answered by a scan of all entities; 9 entities were read.\n');
  for (const flags of [[], ['--all']]) {
    const { stdout } = await place.hfstorage([
      'query',
      'requests',
      ...filters('status=DONE'),
      '--explain',
      '--json',
      ...flags,
    ]);
    expect(JSON.parse(stdout).explanation).toEqual({ index: 'status-created_at-index', read: 3 });
  }
});

test('a query without matches prints a note', async () => {
  expect(await place.hfstorage(['query', 'machines'])).toEqual({ code: 0, stdout: '', stderr: 'No machines.\n' });
});

test('a terminal shows a table with borders, limited to its width', async () => {
  const narrow = await place.hfstorage(['query', 'requests', '--limit', '1'], { width: 60 });
  expect(narrow.stdout).toContain('│ r-0');
  const lines = stripVTControlCharacters(narrow.stdout).split('\n');
  expect(Math.max(...lines.map((line) => line.length))).toBeLessThanOrEqual(60);
  expect(narrow.stderr).toContain('3 more columns did not fit; a wider terminal or --json shows all.');
  const wide = await place.hfstorage(['query', 'requests', '--limit', '1'], { width: 200 });
  expect(wide.stdout).toContain('version');
  const value = await place.hfstorage(['get', 'requests', 'r-1', '--json'], { width: 80 });
  expect(value.stdout).toContain('\n  "request_id": "r-1"');
});

test('count, in total and by a field', async () => {
  expect((await place.hfstorage(['count', 'requests'])).stdout).toBe('9\n');
  expect((await place.hfstorage(['count', 'requests', '--filter', 'status=DONE', '--json'])).stdout).toBe(
    '{"count":3}\n',
  );
  const grouped = await place.hfstorage([
    'count',
    'requests',
    '--group-by',
    'status',
    ...filters('machine_count[lt]=4'),
  ]);
  expect(grouped.stdout).toBe('status   count\nPENDING  2\nDONE     1\nRUNNING  1\nall      4\n');
  const json = await place.hfstorage(['count', 'requests', '--group-by', 'status', '--json']);
  expect(JSON.parse(json.stdout)).toEqual({ count: 9, groups: { PENDING: 3, RUNNING: 3, DONE: 3 } });
});
