import { cp, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { diagnoseJson } from '../../../lib/strategies/json/doctor.ts';
import type { FileManager, JournalFile, StagedFile } from '../../../lib/strategies/json/file-manager.ts';
import { inspect } from '../../../lib/strategies/json/inspection.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';
import { layoutOf } from '../../../lib/strategies/json/layout.ts';
import { openLocation } from '../../../lib/strategies/json/location.ts';
import { repair } from '../../../lib/strategies/json/repair.ts';
import { gzipSerializer, plainSerializer } from '../../../lib/strategies/json/serializer.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-repair-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

const open = async (config: JsonStrategyConfig): Promise<StorageRepository> =>
  new StorageRepository(await openJsonStrategy(config));

const save = (repository: StorageRepository, id: string) =>
  repository.saveEntity('templates', { template_id: id, name: id, provider_api: 'x', vm_type: 't3', max_number: 1 });

const repaired = (config: JsonStrategyConfig): Promise<Finding[]> =>
  Array.fromAsync(diagnoseJson(config, { repair: true }));
const losses = (findings: readonly Finding[]): string[] =>
  findings.flatMap(({ loss, message }) => (loss === true ? [message] : []));

const idsIn = async (config: JsonStrategyConfig): Promise<string[]> => {
  await using repository = await open(config);
  const { items } = await repository.queryEntities('templates', { orderBy: 'template_id' });
  return items.map(({ template_id }) => template_id);
};

/** A process that is killed before its `n`th change of the files. */
class Killed extends Error {}
function killedBefore(files: FileManager, n: number): FileManager {
  let left = n;
  const change = (): void => {
    if (--left === 0) throw new Killed();
  };
  const counted =
    <A extends unknown[], R>(work: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      change();
      return work(...args);
    };
  const staged = (file: StagedFile): StagedFile => ({
    identity: file.identity,
    publish: counted((over) => file.publish(over)),
    discard: () => file.discard(),
  });
  const journal = (name: string): JournalFile => {
    const real = files.journal(name);
    const replace = counted<Parameters<JournalFile['replace']>, void>((...args) => real.replace(...args));
    return { ...real, readAll: () => real.readAll(), close: () => real.close(), replace };
  };
  return {
    describe: (name) => files.describe(name),
    exclusive: files.exclusive,
    prepare: () => files.prepare(),
    requireUsable: () => files.requireUsable(),
    missing: (names) => files.missing(names),
    read: (name) => files.read(name),
    list: (prefix) => files.list(prefix),
    stage: counted(async (name, content) => staged(await files.stage(name, content))),
    keepCopy: counted((from, to, options) => files.keepCopy(from, to, options)),
    journal,
  };
}

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
    await rm(join(folder, 'data'), { recursive: true, force: true });
    await cp(join(folder, 'scratch'), join(folder, 'data'), { recursive: true });
    await repository.close();
    await rm(join(folder, 'scratch'), { recursive: true });
  }

  test('a repaired store can be repaired again: a truncated file, then one that is removed', async () => {
    await crashedStore(['a', 'b'], []);
    await truncate(path, 60);
    expect(losses(await repaired(config))).toEqual([]);
    await rm(path);
    const findings = await repaired(config);
    expect(losses(findings)).toEqual([]);
    expect(findings.map(({ message }) => message).join()).toContain('nothing is missing');
    expect(await idsIn(config)).toEqual(['a', 'b']);
  });

  test('the first save is protected, too: there is no backup of a file yet, but the journal that created it', async () => {
    await crashedStore(['a'], []);
    await truncate(path, 30);
    expect(losses(await repaired(config))).toEqual([]);
    expect(await idsIn(config)).toEqual(['a']);
  });

  test('a file that was emptied is damaged, not empty', async () => {
    await crashedStore(['a', 'b'], []);
    await truncate(path, 0);
    const repository = await open(config);
    await expect(save(repository, 'x')).rejects.toMatchObject({ code: 'storage_damaged' });
    await repository.close();
    expect(losses(await repaired(config))).toEqual([]);
    expect(await idsIn(config)).toEqual(['a', 'b']);
  });

  test('without the journal the store refuses to open, and a repair reports what may be missing', async () => {
    await crashedStore(['a', 'b'], ['c']);
    await rm(journal);
    const repository = await open(config);
    const message = expect.stringContaining(`${journal} is missing`);
    await expect(save(repository, 'x')).rejects.toMatchObject({ code: 'storage_damaged', message });
    await repository.close();
    expect(losses(await repaired(config))).toEqual([
      expect.stringMatching(/saves after commit 2 may be missing.*of 20/),
    ]);
    expect(await idsIn(config)).toEqual(['a', 'b']);
    expect(losses(await repaired(config))).toEqual([]);
  });

  test('a journal of garbage may have held saves; the previous files are used', async () => {
    await crashedStore(['a', 'b'], ['c']);
    await writeFile(journal, 'rubbish\n');
    expect(losses(await repaired(config))).toEqual([expect.stringContaining('saves after commit 2 may be missing')]);
    expect(await idsIn(config)).toEqual(['a', 'b']);
  });

  test('copies that earlier repairs set aside are used if everything else is gone', async () => {
    await crashedStore(['a', 'b'], ['c']);
    await truncate(path, 20);
    await repaired(config);
    for (const name of [path, journal]) {
      for (const spoilt of [name, `${name}.bak`]) await writeFile(spoilt, '{');
    }
    const findings = await repaired(config);
    expect(losses(findings).join()).toContain('may be missing');
    expect(findings.map(({ message }) => message).join()).toContain('.damaged-');
    expect(await idsIn(config)).toEqual(['a', 'b', 'c']);
  });

  test.each([
    ['the file is cut off', async () => truncate(path, 30)],
    ['the file is gone', async () => rm(path)],
    ['the beginning of the journal is spoilt', async () => writeFile(journal, Buffer.alloc(20, 0xff), { flag: 'r+' })],
  ])(
    'a repair that is killed at any step loses nothing, even if the file is damaged again: %s',
    async (_how, damage) => {
      const serializer = config.enable_compression ? gzipSerializer : plainSerializer;
      for (let n = 1, done = false; !done; n++) {
        await crashedStore(['a', 'b'], ['c']);
        await damage();
        const { files, locks } = await openLocation(config);
        const layout = layoutOf(config);
        try {
          await repair(killedBefore(files, n), layout, serializer, await inspect(files, layout));
          done = true;
        } catch (error) {
          expect(error).toBeInstanceOf(Killed);
        } finally {
          locks.close();
        }
        if (n % 2 === 0) await writeFile(path, '{"');
        await repaired(config);
        expect([n, await idsIn(config)]).toEqual([n, ['a', 'b', 'c']]);
      }
    },
  );
});
