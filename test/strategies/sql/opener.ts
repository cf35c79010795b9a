import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { ConfigInput } from '../../../lib/config/configuration.ts';

const PROGRAM = join(import.meta.dirname, 'opener-process.ts');

/** A process that opens stores on request. */
export class Opener implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;

  private constructor() {
    this.#child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', PROGRAM], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.#lines = createInterface(this.#child.stdout as NodeJS.ReadableStream)[Symbol.asyncIterator]();
  }

  /** Starts a process and waits until it has loaded its program. */
  static async start(): Promise<Opener> {
    const opener = new Opener();
    await opener.said();
    return opener;
  }

  /** The next line of its output, or undefined if it has ended. */
  async said(): Promise<string | undefined> {
    const { value, done } = await this.#lines.next();
    return done ? undefined : value;
  }

  /** Lets it open a store, and returns once it has begun. Its next output is `opened`, or an error. */
  async begin(config: ConfigInput): Promise<void> {
    this.#child.stdin?.write(`${JSON.stringify(config)}\n`);
    await this.said();
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'close');
    this.#child.kill('SIGKILL');
    await ended;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill();
  }
}
