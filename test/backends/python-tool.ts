/** Programs in Python that the tests need: from the PATH, else from a private virtual environment for each. */
import { spawnSync } from 'node:child_process';
import { accessSync, constants, rmSync } from 'node:fs';
import { delimiter, join } from 'node:path';

const CACHE = join(import.meta.dirname, '../../node_modules/.cache/hfstorage-test');
const OLDEST_PYTHON = '3.10';
const windows = process.platform === 'win32';

export interface PythonTool {
  /** The program, and the folder of its virtual environment. */
  readonly command: string;
  /** For pip, with its version. */
  readonly requirement: string;
  /** Which tests need it, such as `the tests that need S3`. */
  readonly purpose: string;
  /** The alternative to installing it. */
  readonly otherwise?: string;
}

const canRun = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

const run = (command: string, ...args: string[]): boolean =>
  spawnSync(command, args, { env: process.env, stdio: 'ignore', windowsHide: true }).status === 0;

function makeEnvironment(folder: string, binaries: string, { requirement, purpose }: PythonTool): boolean {
  console.log(`Installing ${requirement} for ${purpose}, once, into node_modules/.cache …`);
  const python = ['python3', 'python'].find((name) => run(name, '--version'));
  const isInstalled =
    python !== undefined &&
    run(python, '-m', 'venv', folder) &&
    run(join(binaries, windows ? 'python.exe' : 'python'), '-m', 'pip', 'install', '--quiet', requirement);
  // The next run would mistake half an environment for a complete one.
  if (!isInstalled) rmSync(folder, { recursive: true, force: true });
  return isInstalled;
}

/**
 * The path of a program.
 * @throws Error that says what to install
 */
export function findPythonTool(tool: PythonTool): string {
  const executable = windows ? `${tool.command}.exe` : tool.command;
  const folder = join(CACHE, tool.command);
  const binaries = join(folder, windows ? 'Scripts' : 'bin');
  const onPath = (process.env.PATH ?? '').split(delimiter).map((each) => join(each, executable));
  const own = join(binaries, executable);
  const found = [...onPath, own].find(canRun);
  if (found !== undefined) return found;
  if (makeEnvironment(folder, binaries, tool) && canRun(own)) return own;
  const { command, requirement, purpose, otherwise = '' } = tool;
  throw new Error(
    `There is no ${command} for ${purpose}: install Python ${OLDEST_PYTHON} or newer and run \`pip install '${requirement}'\`${otherwise}.`,
  );
}
