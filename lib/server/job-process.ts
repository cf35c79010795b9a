import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { packageRoot } from '../config/package-root.ts';
import { PRIVATE_FOLDER } from '../objects/file-owner.ts';
import { UnsupportedOperationError } from '../repository/errors.ts';

/** How long processes have to finish what is under way when the server ends. */
const STOP_TIMEOUT_MS = 30_000;

/** Processes of the command line that work for the server. */
export class JobProcesses {
  readonly #config: string;
  readonly #folder: string;
  readonly #running = new Map<string, ChildProcess>();

  /**
   * @param config path of the configuration file
   * @param folder where the output of each process is kept, in `<name>.log`
   */
  constructor(config: string, folder: string) {
    this.#config = config;
    this.#folder = folder;
  }

  isRunning(name: string): boolean {
    return this.#running.has(name);
  }

  /** Starts `hfstorage` with arguments, unless the job of this name has a process. @param ended called with its exit code */
  start(name: string, args: readonly string[], ended: (code: number | null) => void = () => {}): void {
    if (this.#running.has(name)) return;
    const root = packageRoot();
    if (root === undefined) throw new UnsupportedOperationError('Jobs need the command line, which is not installed.');
    mkdirSync(this.#folder, { recursive: true, mode: PRIVATE_FOLDER });
    const log = openSync(join(this.#folder, `${name}.log`), 'a', 0o600);
    const command = [join(root, 'bin', 'hfstorage.js'), ...args, '--config', this.#config, '--json'];
    const child = spawn(process.execPath, command, { stdio: ['ignore', log, log] });
    closeSync(log);
    this.#running.set(name, child);
    const end = (code: number | null): void => {
      this.#running.delete(name);
      ended(code);
    };
    child.once('exit', end).once('error', () => end(null));
  }

  /** Tells all processes to stop after what is under way, and waits for them. The next start goes on. */
  async close(): Promise<void> {
    const ends = [...this.#running.values()].map(
      (child) =>
        new Promise<void>((resolve) => {
          const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
          child.once('exit', () => {
            clearTimeout(timer);
            resolve();
          });
          child.kill('SIGTERM');
        }),
    );
    await Promise.all(ends);
  }
}
