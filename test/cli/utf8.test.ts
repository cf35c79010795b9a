import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { type Outcome, Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeEach(async () => {
  place = await Workplace.create();
});
afterEach(async () => place.remove());

const template = (name: string): string =>
  `{"template_id":"t",\n"name":"${name}","provider_api":"x","vm_type":"v","max_number":1}`;
const provider = (name: string): string =>
  `{"templates":[{"templateId":"t",\n"name":"${name}","providerApi":"x","vmType":"v","maxNumber":1}]}`;
const data = (name: string): string =>
  `{"templates":{"t":{"template_id":"t",\n"name":"${name}","provider_api":"x","vm_type":"v","max_number":1,"version":1}}}`;

const latin1 = (text: (name: string) => string): Buffer => Buffer.from(text('Zuk\u00fcnftig'), 'latin1');
const marked = (text: (name: string) => string): Buffer => Buffer.from(`\ufeff${text('Zuk\u00fcnftig')}`);

type Give = (bytes: (text: (name: string) => string) => Buffer) => Promise<Outcome>;

const ways: Readonly<Record<string, Give>> = {
  'a file to import': async (bytes) => {
    await writeFile(place.path('in.json'), bytes(provider));
    return place.hfstorage(['import', place.path('in.json')]);
  },
  'an argument @file': async (bytes) => {
    await writeFile(place.path('in.json'), bytes(template));
    return place.hfstorage(['save', 'templates', `@${place.path('in.json')}`]);
  },
  'standard input': (bytes) => place.hfstorage(['save', 'templates', '-'], { input: bytes(template) }),
  'a data file': async (bytes) => {
    await mkdir(place.path('data'));
    await writeFile(place.path('data', 'request_database.json'), bytes(data));
    return place.hfstorage(['get', 'templates', 't']);
  },
};

test.each(Object.keys(ways))(
  '%s that is not UTF-8 is refused with the position of the byte, and nothing is stored',
  async (way) => {
    const { code, stdout, stderr } = await (ways[way] as Give)(latin1);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(/is not UTF-8 text: byte \d+ \(0xfc, in line 2\) is invalid at this position/);
    expect(stderr.trimEnd().split('\n').length).toBeLessThanOrEqual(2);
    expect((await place.hfstorage(['query', 'templates', '--json'])).stdout).not.toContain('Zuk');
  },
);

test.each(Object.keys(ways))('%s may begin with a byte order mark', async (way) => {
  expect(await (ways[way] as Give)(marked)).toMatchObject({
    code: 0,
    stderr: expect.not.stringContaining('hfstorage:'),
  });
  const { stdout } = await place.hfstorage(['get', 'templates', 't', '--json']);
  expect(JSON.parse(stdout)).toMatchObject({ name: 'Zuk\u00fcnftig' });
});

test('a configuration that is not UTF-8 is refused with the position of the byte; one with a byte order mark is not', async () => {
  const config = await readFile(place.path('config.json'), 'utf8');
  await writeFile(place.path('config.json'), Buffer.from(config.replace('data"', 'd\u00e4ta"'), 'latin1'));
  const { code, stderr } = await place.hfstorage(['count', 'templates']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/config\.json: it is not UTF-8 text: byte \d+ \(0xe4, in line 1\)/);
  await writeFile(place.path('config.json'), `\ufeff${config}`);
  expect(await place.hfstorage(['count', 'templates'])).toMatchObject({ code: 0, stdout: '0\n' });
});

test('a complete line of the journal that is not UTF-8 is damage, not a torn save', async () => {
  await place.hfstorage(['save', 'templates', template('a')]);
  const journal = place.path('data', 'request_database.json.journal');
  const { next } = JSON.parse((await readFile(journal, 'utf8')).slice(9)) as { next: number };
  const entity = template('Zuk\u00fcnftig').replace('\n', '');
  const record = Buffer.from(`{"n":${next},"by":"x","ops":[["put","templates","t",${entity}]]}`, 'latin1');
  const line = `${crc32(record).toString(16).padStart(8, '0')} `;
  await writeFile(journal, Buffer.concat([await readFile(journal), Buffer.from(line), record, Buffer.from('\n')]));
  const { code, stderr } = await place.hfstorage(['get', 'templates', 't']);
  expect(code).toBe(1);
  expect(stderr).toMatch(/journal is damaged at byte \d+/);
});
