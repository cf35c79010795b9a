import { writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeEach(async () => {
  place = await Workplace.create();
  await place.hfstorage(['save', 'templates', JSON.stringify(template)]);
});
afterEach(async () => place.remove());

const template = { template_id: 't-1', name: 'One', provider_api: 'RunInstances', vm_type: 't3.small', max_number: 5 };
const request = { request_id: 'r-1', template_id: 't-1', machine_count: 2, status: 'PENDING' };

/** Standard output as JSON, of a command that must succeed. */
async function json(...args: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await place.hfstorage([...args, '--json']);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  return JSON.parse(stdout);
}

test('an entity is saved, read, updated and deleted', async () => {
  expect(await json('save', 'requests', JSON.stringify(request))).toMatchObject({ ...request, version: 1 });
  expect(await json('get', 'requests', 'r-1')).toMatchObject(request);
  expect(await json('update', 'requests', 'r-1', '{"status":"DONE"}')).toMatchObject({ status: 'DONE', version: 2 });
  expect(await json('delete', 'requests', 'r-1')).toEqual({ collection: 'requests', id: 'r-1', deleted: true });
  expect(await place.hfstorage(['get', 'requests', 'r-1'])).toEqual({
    code: 1,
    stdout: '',
    stderr: 'hfstorage: There is no entity requests "r-1".\n',
  });
});

test('people see one field per line: declared, undeclared, the store’s own', async () => {
  const { stdout } = await place.hfstorage([
    'save',
    'templates',
    JSON.stringify({ ...template, zone: ['a'], name: 'a\n\u001b[31mb' }),
  ]);
  expect(stdout.replace(/\d{4}-\S+Z/g, 'TIME').split('\n')).toEqual([
    'template_id   t-1',
    'name          a\\n\\u001b[31mb',
    'provider_api  RunInstances',
    'vm_type       t3.small',
    'max_number    5',
    'zone          ["a"]',
    'created_at    TIME',
    'updated_at    TIME',
    'version       2',
    '',
  ]);
});

test('an entity is read from a file or from standard input, which is the default', async () => {
  await writeFile(place.path('request.json'), JSON.stringify(request));
  expect(await json('save', 'requests', `@${place.path('request.json')}`)).toMatchObject({ version: 1 });
  for (const [i, args] of [['-'], []].entries()) {
    const { stdout } = await place.hfstorage(['save', 'requests', ...args, '--json'], {
      input: JSON.stringify(request),
    });
    expect(JSON.parse(stdout)).toMatchObject({ version: i + 2 });
  }
});

test('a list is saved item by item, and failed items are named', async () => {
  const list = [request, { ...request, request_id: 'r-2', template_id: 'none' }, 3, { ...request, request_id: 'r-3' }];
  const people = await place.hfstorage(['save', 'requests', '-'], { input: JSON.stringify(list) });
  expect(people.code).toBe(1);
  expect(people.stdout).toBe('Saved 2 of 4 requests.\n');
  expect(people.stderr.split('\n')).toEqual([
    'hfstorage: requests item 1 ("r-2") was not saved: template_id refers to templates "none", which does not exist. Create it first, or correct template_id.',
    'hfstorage: requests item 2 was not saved: must be a JSON object',
    '',
  ]);
  const programs = await place.hfstorage(['save', 'requests', JSON.stringify(list), '--json']);
  expect(JSON.parse(programs.stdout)).toEqual({
    results: [
      { id: 'r-1', status: 'saved', version: 2 },
      { id: 'r-2', status: 'invalid', problem: { code: 'template_not_found', detail: expect.any(String) } },
      { id: null, status: 'invalid', problem: { code: 'validation_failed', detail: 'must be a JSON object' } },
      { id: 'r-3', status: 'saved', version: 2 },
    ],
  });
});

test('a list may be longer than one batch, or empty', async () => {
  const list = Array.from({ length: 1001 }, (_, i) => ({ ...request, request_id: `r-${i}` }));
  const saved = await place.hfstorage(['save', 'requests', '-'], { input: JSON.stringify(list) });
  expect(saved).toEqual({ code: 0, stdout: 'Saved 1001 of 1001 requests.\n', stderr: '' });
  const ids = list.map(({ request_id }) => request_id);
  expect(await json('get', 'requests', ...ids)).toHaveLength(1001);
  expect((await place.hfstorage(['save', 'requests', '[]'])).stdout).toBe('Saved 0 of 0 requests.\n');
});

test('--expected-version guards every write', async () => {
  await json('save', 'requests', JSON.stringify(request), '--expected-version', '0');
  const again = await place.hfstorage(['save', 'requests', JSON.stringify(request), '--expected-version', '0']);
  expect(again).toMatchObject({ code: 1, stderr: expect.stringContaining('exists already, at version 1') });
  const update = await place.hfstorage(['update', 'requests', 'r-1', '--set', 'status=X', '--expected-version', '7']);
  expect(update).toMatchObject({ code: 1, stderr: expect.stringContaining('the call expected version 7') });
  const deletion = await place.hfstorage(['delete', 'requests', 'r-1', '--expected-version', '7']);
  expect(deletion).toMatchObject({ code: 1, stderr: expect.stringContaining('the call expected version 7') });
  expect((await place.hfstorage(['delete', 'requests', 'r-1', '--expected-version', '1'])).stdout).toBe(
    'Deleted requests "r-1".\n',
  );
});

test('--set uses the type of the declared field; other fields are JSON if possible', async () => {
  await json('save', 'requests', JSON.stringify({ ...request, metadata: { old: true } }));
  const set = (assignment: string) => ['--set', assignment];
  const updated = await json(
    ...['update', 'requests', 'r-1', '{"request_type":"return"}', '--unset', 'metadata'],
    ...[
      ...set('machine_count=7'),
      ...set('status=5'),
      ...set('tags={"a":[1]}'),
      ...set('completed_at=2026-11-22T12:00:00+02:00'),
    ],
    ...[...set('note=a=b'), ...set('n=5'), ...set('text='), ...set('list=[1,{}]')],
  );
  expect(updated).toMatchObject({
    request_type: 'return',
    machine_count: 7,
    status: '5',
    tags: { a: [1] },
    completed_at: '2026-11-22T10:00:00.000Z',
    note: 'a=b',
    n: 5,
    text: '',
    list: [1, {}],
  });
  expect(updated).not.toHaveProperty('metadata');
});

test('several entities are shown as a table, and the missing ones are named', async () => {
  await json('save', 'templates', JSON.stringify({ ...template, template_id: 't-2', image_id: 'ami-1' }));
  const { code, stdout, stderr } = await place.hfstorage(['get', 'templates', 't-1', 't-2', 't-3']);
  expect({ code, stderr }).toEqual({ code: 1, stderr: 'hfstorage: There is no entity templates "t-3".\n' });
  expect(stdout.replace(/\d{4}-\S+Z/g, 'TIME').split('\n')).toEqual([
    'template_id  name  provider_api  vm_type   max_number  created_at                image_id  version',
    't-1          One   RunInstances  t3.small  5           TIME            1'.replace(
      'TIME            1',
      'TIME            1',
    ),
    't-2          One   RunInstances  t3.small  5           TIME  ami-1     1',
    '',
  ]);
});

test('a parent that is still referenced is not deleted', async () => {
  await json('save', 'requests', JSON.stringify(request));
  expect(await place.hfstorage(['delete', 'templates', 't-1'])).toMatchObject({
    code: 1,
    stderr: 'hfstorage: templates "t-1" is still referred to by requests. Delete those first.\n',
  });
});
