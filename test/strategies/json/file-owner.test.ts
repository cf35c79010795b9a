import { spawn } from 'node:child_process';
import { chmod, chown, lstat, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { diagnoseJson } from '../../../lib/strategies/json/doctor.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';

const LAUNCHER = join(import.meta.dirname, '..', '..', '..', 'bin', 'hfstorage.js');

let folder: string;
let data: string;
let file: string;
let config: JsonStrategyConfig;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-owner-'));
  data = join(folder, 'data');
  file = join(data, 'request_database.json');
  config = jsonStrategy.parse({ base_path: data });
});
afterEach(async () => {
  await rm(folder, { recursive: true, force: true });
});

async function save(id: string): Promise<void> {
  await using repository = new StorageRepository(await openJsonStrategy(config));
  await repository.saveEntity('templates', {
    template_id: id,
    name: id,
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: 1,
  });
}

/** Mode, owner and group of every file of the store, each only once. */
async function owners(): Promise<string[]> {
  const found = await Promise.all((await readdir(data)).map((name) => stat(join(data, name))));
  return [...new Set(found.map(({ mode, uid, gid }) => `${(mode & 0o777).toString(8)} ${uid}:${gid}`))];
}

const idsIn = async (path: string): Promise<string[]> =>
  Object.keys((JSON.parse(await readFile(path, 'utf8')) as { templates: object }).templates);

test('a new store is accessible only to its owner', async () => {
  await save('a');
  await save('b');
  expect(await readdir(data)).toHaveLength(5);
  expect(await owners()).toEqual([`600 ${process.getuid?.()}:${process.getgid?.()}`]);
  expect((await stat(data)).mode & 0o777).toBe(0o700);
});

test.each([0o600, 0o644, 0o660])('replaced files keep the mode of the data file: %o', async (mode) => {
  await save('a');
  await chmod(file, mode);
  for (const id of ['b', 'c']) await save(id);
  const modeOf = async (name: string) => (await stat(name)).mode & 0o777;
  for (const ending of ['', '.bak', '.journal', '.journal.bak']) {
    expect([ending, await modeOf(file + ending)]).toEqual([ending, mode]);
  }
  await writeFile(file, '{');
  await Array.fromAsync(diagnoseJson(config, { repair: true }));
  const copies = (await readdir(data)).filter((name) => name.includes('.damaged-'));
  expect(copies).not.toHaveLength(0);
  for (const name of copies) expect([name, await modeOf(join(data, name))]).toEqual([name, mode]);
  expect(await modeOf(file)).toBe(mode);
});

test.each(['request_database.json', 'request_database.json.journal'])(
  'a symbolic link stays a link: %s',
  async (name) => {
    await save('a');
    const elsewhere = join(folder, 'elsewhere');
    await mkdir(elsewhere);
    const target = join(elsewhere, 'real');
    const link = join(data, name);
    await writeFile(target, await readFile(link));
    await rm(link);
    await symlink(join('..', 'elsewhere', 'real'), link);
    for (const id of ['b', 'c']) await save(id);
    expect((await lstat(link)).isSymbolicLink()).toBe(true);
    expect(await readdir(elsewhere)).toEqual(['real']);
    expect(await idsIn(file)).toEqual(['a', 'b', 'c']);
    // The backup is a copy of the previous content, not another link to the current one.
    expect(await idsIn(`${file}.bak`)).toEqual(['a', 'b']);
  },
);

test('the target of a dangling link is created', async () => {
  await mkdir(data);
  await symlink(join(folder, 'later.json'), file);
  await save('a');
  expect((await lstat(file)).isSymbolicLink()).toBe(true);
  expect(await idsIn(join(folder, 'later.json'))).toEqual(['a']);
});

// Only root may change owners, and run programs as other users.
const asRoot = process.getuid?.() === 0 ? describe : describe.skip;
asRoot('with several users (needs root)', () => {
  const SERVICE = 51_234;
  const OTHER = 51_235;
  const GROUP = 51_300;

  /** Gives the store to the service, with write access for a group. */
  async function giveToService(mode: number): Promise<void> {
    await chmod(folder, 0o755);
    await chown(data, SERVICE, GROUP);
    await chmod(data, 0o770);
    for (const name of await readdir(data)) {
      await chown(join(data, name), SERVICE, GROUP);
      await chmod(join(data, name), mode);
    }
    await writeFile(
      join(folder, 'config.json'),
      JSON.stringify({ storage: { strategy: 'json', json_strategy: config } }),
    );
  }

  async function hfstorageAs(uid: number, ...args: string[]): Promise<{ code: number | null; stderr: string }> {
    const command = [LAUNCHER, '--config', join(folder, 'config.json'), ...args];
    const child = spawn(process.execPath, command, { uid, gid: GROUP, stdio: ['ignore', 'ignore', 'pipe'] });
    const code = new Promise<number | null>((resolve) => child.on('close', resolve));
    return { stderr: await text(child.stderr), code: await code };
  }

  test('root keeps the service user as the owner of every file, even if all but the data file are created again', async () => {
    await save('a');
    await save('b');
    await giveToService(0o640);
    for (const name of await readdir(data)) if (join(data, name) !== file) await rm(join(data, name));
    await save('c');
    await save('d');
    expect(await owners()).toEqual([`640 ${SERVICE}:${GROUP}`]);
    const changed = await hfstorageAs(SERVICE, 'update', 'templates', 'd', '--set', 'max_number=7');
    expect(changed).toEqual({ code: 0, stderr: '' });
    expect(await owners()).toEqual([`640 ${SERVICE}:${GROUP}`]);
  });

  test('a user who may write the files, but not keep their owner, is refused before anything changes', async () => {
    await save('a');
    await save('b');
    await giveToService(0o660);
    const contents = async () =>
      Promise.all((await readdir(data)).sort().map(async (name) => [name, await readFile(join(data, name), 'latin1')]));
    const before = await contents();
    const { code, stderr } = await hfstorageAs(OTHER, 'update', 'templates', 'a', '--set', 'max_number=7');
    expect(code).toBe(1);
    expect(stderr).toContain(`${file} belongs to user ${SERVICE}, group ${GROUP}`);
    expect(stderr).toContain(`user ${OTHER}`);
    expect(await contents()).toEqual(before);
    expect((await hfstorageAs(OTHER, 'get', 'templates', 'a')).code).toBe(0);
  });
});
