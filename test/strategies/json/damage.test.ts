import { cp, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { diagnoseJson } from '../../../lib/strategies/json/doctor.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-damage-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = async (config: JsonStrategyConfig): Promise<StorageRepository> =>
  new StorageRepository(await openJsonStrategy(config));

const save = (repository: StorageRepository, id: string) =>
  repository.saveEntity('templates', {
    template_id: id,
    name: id,
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: 1,
  });

/** Findings that are not ok, as `level subject-file: message`. */
async function troubles(config: JsonStrategyConfig, repair = false): Promise<string[]> {
  const found: Finding[] = [];
  for await (const finding of diagnoseJson(config, { repair })) found.push(finding);
  return found.filter(({ level }) => level === 'error').map(({ subject, message }) => `${subject}: ${message}`);
}

const idsIn = async (config: JsonStrategyConfig): Promise<string[]> => {
  await using repository = await open(config);
  const { items } = await repository.queryEntities('templates', { orderBy: 'template_id' });
  return items.map(({ template_id }) => template_id);
};

describe.each([
  ['single file', { storage_type: 'single_file' as const }, 'request_database.json'],
  ['split files', { storage_type: 'split_files' as const }, 'templates.json'],
  ['gzip', { enable_compression: true }, 'request_database.json'],
])('%s', (_, settings, file) => {
  const journalName = file === 'templates.json' ? 'templates+requests+machines.journal' : `${file}.journal`;
  let config: JsonStrategyConfig;
  let path: string;
  let journal: string;
  beforeEach(() => {
    config = jsonStrategy.parse({ base_path: join(folder, 'data'), ...settings });
    path = join(folder, 'data', file);
    journal = join(folder, 'data', journalName);
  });

  /** Leaves `compacted` in the data files of two generations and `waiting` in the journal, as after a crash. */
  async function crashedStore(compacted: string[], waiting: string[]): Promise<void> {
    const scratch = jsonStrategy.parse({ base_path: join(folder, 'scratch'), ...settings });
    for (const id of compacted) {
      await using repository = await open(scratch);
      await save(repository, id);
    }
    const repository = await open(scratch);
    for (const id of waiting) await save(repository, id);
    await cp(join(folder, 'scratch'), join(folder, 'data'), { recursive: true });
    await repository.close();
  }

  test('commits that wait in the journal after a crash are not lost', async () => {
    await crashedStore(['a', 'b'], ['c', 'd']);
    expect(await idsIn(config)).toEqual(['a', 'b', 'c', 'd']);
    expect(await troubles(config)).toEqual([]);
  });

  test('a torn tail of the journal is set aside by the next save; nothing acknowledged is lost', async () => {
    await crashedStore(['a'], ['b', 'c']);
    const bytes = await readFile(journal);
    await writeFile(journal, Buffer.concat([bytes, bytes.subarray(bytes.length - 40, bytes.length - 3)]));
    const repository = await open(config);
    expect(await repository.countEntities('templates')).toEqual({ count: 3 });
    await save(repository, 'd');
    await repository.close();
    expect(await idsIn(config)).toEqual(['a', 'b', 'c', 'd']);
    expect((await readdir(config.base_path)).some((name) => name.includes('.journal.torn-'))).toBe(true);
  });

  test('a torn last record, even with complete lines, counts as never acknowledged', async () => {
    await crashedStore(['a'], ['b', 'c']);
    const bytes = await readFile(journal);
    bytes[bytes.length - 20] = 0;
    await writeFile(journal, bytes);
    expect(await idsIn(config)).toEqual(['a', 'b']);
  });

  test.each([
    ['truncated', async () => truncate(path, 60)],
    ['emptied of its end', async () => truncate(path, (await readFile(path)).length - 2)],
    ['overwritten with rubbish', async () => writeFile(path, 'rubbish')],
    ['removed', async () => rm(path)],
  ])('a data file that was %s is refused, not changed, and rebuilt without loss', async (_how, damage) => {
    await crashedStore(['a', 'b', 'c'], ['d', 'e']);
    await damage();
    const before = await readFile(path).catch(() => undefined);
    const repository = await open(config);
    for (const attempt of [() => repository.getEntity('templates', 'a'), () => save(repository, 'x')]) {
      await expect(attempt()).rejects.toMatchObject({
        code: 'storage_damaged',
        message: expect.stringContaining('doctor'),
      });
    }
    await repository.close();
    expect(await readFile(path).catch(() => undefined)).toEqual(before);
    expect((await troubles(config)).join()).toContain(path);
    expect((await troubles(config)).join()).toContain(path);
    await troubles(config, true);
    expect(await troubles(config)).toEqual([]);
    expect(await idsIn(config)).toEqual(['a', 'b', 'c', 'd', 'e']);
  });

  test('a missing data file is an error even if nothing waits in the journal, and is rebuilt', async () => {
    await crashedStore(['a', 'b'], []);
    await rm(path);
    const repository = await open(config);
    await expect(save(repository, 'x')).rejects.toMatchObject({
      code: 'storage_damaged',
      message: expect.stringContaining('missing'),
    });
    await repository.close();
    await troubles(config, true);
    expect(await idsIn(config)).toEqual(['a', 'b']);
  });

  test('a journal damaged in the middle is refused, not changed, and all readable commits are recovered', async () => {
    await crashedStore(['a'], ['b', 'c', 'd', 'e']);
    const bytes = await readFile(journal);
    const lines = bytes.toString('latin1').split('\n');
    const inRecordC = lines.slice(0, 2).join('\n').length + 30;
    bytes[inRecordC] = (bytes[inRecordC] as number) ^ 1;
    await writeFile(journal, bytes);
    const repository = await open(config);
    await expect(repository.getEntity('templates', 'a')).rejects.toMatchObject({ code: 'storage_damaged' });
    await expect(save(repository, 'x')).rejects.toMatchObject({ code: 'storage_damaged' });
    await repository.close();
    expect(await readFile(journal)).toEqual(bytes);
    expect(await troubles(config)).toHaveLength(1);
    await troubles(config, true);
    expect(await troubles(config)).toEqual([]);
    expect(await idsIn(config)).toEqual(['a', 'b', 'd', 'e']);
  });

  test('a journal whose beginning is damaged is refused; its commits are recovered', async () => {
    await crashedStore(['a'], ['b', 'c']);
    const bytes = await readFile(journal);
    bytes[12] = 0x58;
    await writeFile(journal, bytes);
    const repository = await open(config);
    await expect(repository.getEntity('templates', 'a')).rejects.toMatchObject({ code: 'storage_damaged' });
    await repository.close();
    await troubles(config, true);
    expect(await idsIn(config)).toEqual(['a', 'b', 'c']);
  });

  test('an old copy under waiting commits is refused; a repair brings it up to date from the journals', async () => {
    await crashedStore(['a', 'b'], ['c']);
    await cp(`${path}.bak`, path);
    const repository = await open(config);
    await expect(repository.getEntity('templates', 'a')).rejects.toMatchObject({ code: 'storage_damaged' });
    await repository.close();
    expect(await troubles(config)).toHaveLength(1);
    await troubles(config, true);
    expect(await idsIn(config)).toEqual(['a', 'b', 'c']);
  });

  test('a copy that replaces the file while the store is closed is simply the new content', async () => {
    await crashedStore(['a', 'b'], []);
    await cp(`${path}.bak`, path);
    expect(await idsIn(config)).toEqual(['a']);
    const repository = await open(config);
    await save(repository, 'z');
    await repository.close();
    expect(await idsIn(config)).toEqual(['a', 'z']);
  });

  test('if file and backup are both damaged, a repair changes nothing and reports that', async () => {
    await crashedStore(['a', 'b'], ['c']);
    await writeFile(path, '{');
    await writeFile(`${path}.bak`, '{');
    expect((await troubles(config, true)).join()).toContain('Neither');
    expect(await readFile(path, 'utf8')).toBe('{');
  });
});

test('a file of SPEC.md without versions or times is read unchanged and can be written', async () => {
  const config = jsonStrategy.parse({ base_path: folder });
  const sample = {
    templates: { 'template-1': { template_id: 'template-1', name: 'Standard Template', max_number: 10 } },
    requests: {
      'req-123': { request_id: 'req-123', template_id: 'template-1', machine_count: 3, status: 'COMPLETED' },
    },
    machines: {
      'machine-456': { machine_id: 'machine-456', request_id: 'req-123', status: 'RUNNING', private_ip: '10.0.1.100' },
    },
    audit: { kept: [1, 2, 3] },
  };
  await writeFile(join(folder, 'request_database.json'), JSON.stringify(sample));
  const repository = await open(config);
  expect(await repository.getEntity('machines', 'machine-456')).toEqual({
    ...sample.machines['machine-456'],
    version: 1,
  });
  const updated = await repository.updateEntity(
    'machines',
    'machine-456',
    { status: 'STOPPED' },
    { expectedVersion: 1 },
  );
  expect(updated).toMatchObject({ status: 'STOPPED', version: 2 });
  await repository.close();
  const written = JSON.parse(await readFile(join(folder, 'request_database.json'), 'utf8'));
  expect(written.audit).toEqual(sample.audit);
  expect(written.machines['machine-456']).toEqual(updated);
});
