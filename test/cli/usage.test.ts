import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeAll(async () => {
  place = await Workplace.create();
  await writeFile(place.path('broken.json'), '{"a":\n 1,}');
});
afterAll(async () => place.remove());

test.each([
  [['qurey'], /^hfstorage: unknown command 'qurey'\n\(Did you mean query\?\)\n$/],
  [['get', 'machine', 'm-1'], /There is no such collection\. \(Did you mean machines\?\)\n$/],
  [['get', 'colours', 'c-1'], /Choose templates, requests, machines\.\n$/],
  [['get', 'machines'], /^hfstorage: missing required argument 'id'\n$/],
  [['get', 'machines', 'm-1', '--limt', '3'], /^hfstorage: unknown option '--limt'\n/],
  [['query', 'requests', '--limt', '3'], /^hfstorage: unknown option '--limt'\n\(Did you mean --limit\?\)\n$/],
  [['query', 'requests', '--limit', '1001'], /Give an integer from 1 to 1000\.\n$/],
  [['query', 'requests', '--limit', '-1'], /Give an integer from 1 to 1000\.\n$/],
  [
    ['query', 'requests', '--filter', 'status'],
    /^hfstorage: --filter "status" has no field: write --filter field=value\.\n$/,
  ],
  [['query', 'requests', '--filter', 'stats=A'], /^hfstorage: stats is not a field to filter/],
  [['query', 'requests', '--filter', 'limit=5'], /^hfstorage: --filter limit=5: limit is not a field\.\n$/],
  [['query', 'requests', '--filter', 'status[like]=A'], /^hfstorage: status has the unknown operator "like"/],
  [['query', 'requests', '--filter', 'machine_count=many'], /^hfstorage: machine_count must be an integer/],
  [['query', 'requests', '--order-by', 'tags'], /^hfstorage: order_by "tags" is not a field/],
  [['query', 'requests', '--cursor', 'x'], /^hfstorage: cursor is not a cursor/],
  [['count', 'requests', '--group-by', 'colour'], /^hfstorage: group_by "colour" is not a field/],
  [
    ['save', 'requests', '{"a":}'],
    /^hfstorage: the argument is not JSON: line 1, column 6: expected a value, found "}"\.\n$/,
  ],
  [['save', 'requests', '{"a":1,"a":2}'], /^hfstorage: the argument has the name "a" twice in one object\.\n$/],
  [['save', 'requests', '[]', '--expected-version', '1'], /^hfstorage: --expected-version is for one entity/],
  [['save', 'requests', '{}', '--expected-version', 'x'], /Give an integer of at least 0\.\n$/],
  [['update', 'requests', 'r-1'], /^hfstorage: There is nothing to change/],
  [['update', 'requests', 'r-1', '[]'], /^hfstorage: The changes must be a JSON object of fields\.\n$/],
  [['update', 'requests', 'r-1', '--set', '=x'], /^hfstorage: --set "=x" has no field: write --set field=value\.\n$/],
  [
    ['update', 'requests', 'r-1', '--set', 'machine_count=x'],
    /^hfstorage: --set machine_count=x: .* must be an integer\.\n$/,
  ],
  [['update', 'requests', 'r-1', '--set', 'tags=x'], /must be a JSON object, such as \{"a":1\}\.\n$/],
  [['update', 'templates', 't-1', '--set', 'subnet_ids=x'], /must be a JSON list, such as \["a"\]\.\n$/],
  [['update', 'requests', 'r-1', '--set', 'a=1', '--unset', 'a'], /^hfstorage: a is both set and unset/],
  [['serve', '--port', '70000'], /Give an integer from 0 to 65535\.\n$/],
  [['config', 'shw'], /^hfstorage: unknown command 'shw'\n\(Did you mean show\?\)\n$/],
])('%j is wrong usage: exit code 2', async (args, message) => {
  const { code, stdout, stderr } = await place.hfstorage(args);
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(message);
  expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
});

test.each([
  [['save', 'requests', '@none.json'], 'hfstorage: none.json cannot be read: no such file or directory.\n'],
  [['save', 'requests', '{}'], /^hfstorage: request_id is required; template_id is required;/],
  [['get', 'requests', ''], 'hfstorage: request_id must not be empty\n'],
  [['import', 'none.json'], 'hfstorage: none.json cannot be read: no such file or directory.\n'],
])('%j fails: exit code 1', async (args, message) => {
  const { code, stdout, stderr } = await place.hfstorage(args);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(message);
});

test('broken JSON in a file is located', async () => {
  const file = place.path('broken.json');
  const expected = {
    code: 1,
    stderr: `hfstorage: ${file} is not JSON: line 2, column 4: expected a name in double quotes, found "}".\n`,
  };
  expect(await place.hfstorage(['save', 'requests', `@${file}`])).toMatchObject(expected);
  expect(await place.hfstorage(['import', file])).toMatchObject(expected);
  expect(await place.hfstorage(['import', '-'], { input: '{' })).toMatchObject({
    code: 1,
    stderr: `hfstorage: standard input is not JSON: line 1, column 2: expected a name in double quotes or '}', found the end.\n`,
  });
});

test('an invalid configuration is named', async () => {
  const file = place.path('wrong.json');
  await writeFile(file, '{"storage":{"strategy":"json","enforce_reference":true}}');
  const expected = `hfstorage: ${file}: storage.enforce_reference is not a known key; did you mean enforce_references?\n`;
  expect(await place.hfstorage(['count', 'requests', '--config', file])).toEqual({
    code: 1,
    stdout: '',
    stderr: expected,
  });
});

test('help and version are results', async () => {
  expect(await place.hfstorage(['--version'])).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  });
  const help = await place.hfstorage(['query', '--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain('--config <file>');
  expect(await place.hfstorage([])).toMatchObject({
    code: 2,
    stdout: '',
    stderr: expect.stringContaining('Usage: hfstorage'),
  });
});
