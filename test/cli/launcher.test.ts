/** bin/hfstorage.js: with any Node, in a clone and installed, `hfstorage` runs or says what is missing. */
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { launcher, run } from './run-hfstorage.ts';

/** Makes this Node report an old version, if the machine has no old Node. */
const simulation =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.20.2"}})';

/** Commands that start an old Node: a simulated one, and those on the PATH. */
const oldNodes: [name: string, command: string, args: string[]][] = [
  ['a simulated Node 20', process.execPath, ['--import', simulation]],
];
for (const folder of new Set((process.env.PATH ?? '').split(delimiter))) {
  const command = join(folder, process.platform === 'win32' ? 'node.exe' : 'node');
  try {
    const version = execFileSync(command, ['--version'], { encoding: 'utf8', stdio: 'pipe' }).trim();
    if (Number(/^v(\d+)/.exec(version)?.[1]) < 24) oldNodes.push([`Node ${version} of this machine`, command, []]);
  } catch {
    // No Node in this folder.
  }
}

let folder: string;
let installed: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-launcher-'));
  installed = join(folder, 'node_modules', 'hfstorage');
});
afterEach(async () => rm(folder, { recursive: true }));

/** The package as npm installs it, except for its function. */
async function install(main: string): Promise<string> {
  await mkdir(join(installed, 'bin'), { recursive: true });
  await mkdir(join(installed, 'dist', 'bin'), { recursive: true });
  await cp(launcher, join(installed, 'bin', 'hfstorage.js'));
  await writeFile(join(installed, 'package.json'), '{"type":"module"}');
  await writeFile(join(installed, 'dist', 'bin', 'hfstorage.js'), main);
  return join(installed, 'bin', 'hfstorage.js');
}

/** A package next to it that contains this Node. */
async function installNode(version: string): Promise<void> {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  const packaged = join(folder, 'node_modules', `node-${platform}-${process.arch}`);
  await mkdir(packaged);
  await writeFile(join(packaged, 'package.json'), JSON.stringify({ version, bin: { node: 'node' } }));
  await symlink(process.execPath, join(packaged, 'node'));
}

const printVersion = 'console.log(Number(process.versions.node.split(".")[0]) >= 24, process.argv.slice(2).join())';

test('an installed package runs the compiled code', async () => {
  const bin = await install(printVersion);
  expect(await run(process.execPath, [bin, 'a', 'b'])).toEqual({ code: 0, stdout: 'true a,b\n', stderr: '' });
});

test('an installed package that lacks a file says so', async () => {
  const bin = await install("import 'commander';");
  const { code, stderr } = await run(process.execPath, [bin]);
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^hfstorage: Cannot find package 'commander' .*\nSomething is missing in .*install the package again\.\n$/,
  );
});

test('a clone without its dependencies asks for npm ci', async () => {
  await mkdir(join(folder, 'clone', 'bin'), { recursive: true });
  await cp(launcher, join(folder, 'clone', 'bin', 'hfstorage.js'));
  await writeFile(join(folder, 'clone', 'bin', 'hfstorage.ts'), '');
  await writeFile(join(folder, 'clone', 'package.json'), '{"type":"module"}');
  const { code, stderr } = await run(process.execPath, [join(folder, 'clone', 'bin', 'hfstorage.js')]);
  expect(code).toBe(1);
  expect(stderr).toMatch(/^hfstorage: the dependencies are not installed\. Run `npm ci` in .*clone\.\n$/);
});

test.each(oldNodes)('%s: the clone runs with the Node that npm ci installed', async (_, command, args) => {
  const hfstorage = (...rest: string[]) => run(command, [...args, launcher, ...rest]);
  expect(await hfstorage('--version')).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/) });
  expect(await hfstorage('nonsense')).toMatchObject({
    code: 2,
    stderr: expect.stringMatching(/^hfstorage: unknown command/),
  });
});

test.each(oldNodes)('%s: an installed package says what it needs', async (_, command, args) => {
  const bin = await install(printVersion);
  const { code, stdout, stderr } = await run(command, [...args, bin]);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toMatch(
    /^hfstorage needs Node 24 or newer; this is Node \d+\.\d+\.\d+ \(.*\)\.\nInstall it from .*\n$/,
  );
});

test.each(oldNodes)('%s: a package next to it with a newer Node is used', async (_, command, args) => {
  const bin = await install(printVersion);
  await installNode('24.0.0');
  expect(await run(command, [...args, bin, 'a'])).toEqual({ code: 0, stdout: 'true a\n', stderr: '' });
});

test.each(oldNodes)('%s: a package with an old Node is not', async (_, command, args) => {
  const bin = await install(printVersion);
  await installNode('22.1.0');
  expect(await run(command, [...args, bin])).toMatchObject({ code: 1, stdout: '' });
});

test.each(oldNodes)('%s: signals reach the command, and its exit status is returned', async (_, command, args) => {
  const bin = await install(
    `process.on('SIGTERM', () => process.exit(7));
     process.on('SIGINT', () => { process.removeAllListeners('SIGHUP'); process.kill(process.pid, 'SIGKILL'); });
     setInterval(() => {}, 1000);
     console.log('ready');`,
  );
  await installNode('24.0.0');
  const endAfter = async (signal: NodeJS.Signals) => {
    const child: ChildProcess = spawn(command, [...args, bin], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout as NodeJS.ReadableStream, 'data');
    child.kill(signal);
    return (await once(child, 'exit')) as [number | null, NodeJS.Signals | null];
  };
  expect(await endAfter('SIGTERM')).toEqual([7, null]);
  expect(await endAfter('SIGINT')).toEqual([null, 'SIGKILL']);
});
