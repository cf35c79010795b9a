/** Finds moto_server, the S3 server of the tests: on the PATH, else in a private virtual environment made for it. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const REQUIREMENT = 'moto[server]==5.2.1';
const ENVIRONMENT = join(import.meta.dirname, '../../node_modules/.cache/hfstorage-test/moto');
const windows = process.platform === 'win32';
const EXECUTABLE = windows ? 'moto_server.exe' : 'moto_server';
const BINARIES = join(ENVIRONMENT, windows ? 'Scripts' : 'bin');

const canRun = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const run = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { stdio: 'ignore', windowsHide: true }).status === 0;

function makeEnvironment(): boolean {
  console.log(`Installing ${REQUIREMENT} for the tests that need S3, once, into node_modules/.cache …`);
  const python = ['python3', 'python'].find((name) => run(name, '--version'));
  const made =
    python !== undefined &&
    run(python, '-m', 'venv', ENVIRONMENT) &&
    run(join(BINARIES, windows ? 'python.exe' : 'python'), '-m', 'pip', 'install', '--quiet', REQUIREMENT);
  // Half an environment would be taken for a whole one by the next run.
  if (!made) rmSync(ENVIRONMENT, { recursive: true, force: true });
  return made;
}

/**
 * The path of moto_server.
 * @throws Error that says what to install
 */
export function findMoto(): string {
  const onPath = (process.env.PATH ?? '').split(delimiter).map((folder) => join(folder, EXECUTABLE));
  const own = join(BINARIES, EXECUTABLE);
  const found = [...onPath, own].find(canRun);
  if (found !== undefined) return found;
  if (makeEnvironment() && canRun(own)) return own;
  throw new Error(
    `The tests need an S3 server: install Python 3.9 or newer and run \`pip install '${REQUIREMENT}'\`, or set HFSTORAGE_TEST_S3_ENDPOINT.`,
  );
}
