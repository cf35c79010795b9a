import { createInterface } from 'node:readline/promises';
import { type ConfigFile, readConfig } from '../config/load-config.ts';
import type { RemoteOptions } from '../remote/open-remote.ts';
import type { Repository } from '../repository/repository.ts';
import { openRepository } from '../strategies/open-repository.ts';
import { CommandFailure, type ExitCode, exitCodes, UsageError } from './failures.ts';
import { readJsonArgument, readJsonFile } from './input.ts';
import { Output, type Streams } from './output.ts';

/** What every command works with: the options that can be given everywhere, the output and the exit code. */
export class Session {
  readonly output: Output;
  /** Value of --config. */
  configPath: string | undefined;
  /** The service to work through, in place of the store itself. */
  remote: RemoteOptions | undefined;
  exitCode: ExitCode = exitCodes.done;
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
    this.output = new Output(streams);
  }

  async readConfig(): Promise<ConfigFile> {
    return readConfig(this.configPath);
  }

  async openRepository(): Promise<Repository> {
    if (this.remote === undefined) return openRepository((await this.readConfig()).config);
    const { openRemoteRepository } = await import('../remote/open-remote.ts');
    return openRemoteRepository(this.remote);
  }

  /** JSON of an argument that is JSON text, `@file` or `-` for standard input. */
  async readJsonArgument(argument: string): Promise<unknown> {
    this.#announceInput(argument);
    return readJsonArgument(argument, this.#streams.stdin);
  }

  /** JSON of a file, or of standard input for `-`. */
  async readJsonFile(file: string): Promise<unknown> {
    this.#announceInput(file);
    return readJsonFile(file, this.#streams.stdin);
  }

  /**
   * Asks a person to agree, on a terminal.
   * @param option what makes the question necessary, for programs: they must give --yes
   * @throws UsageError where there is nobody to ask, CommandFailure where the answer is not yes
   */
  async confirm(question: string, option: string): Promise<void> {
    const { stdin, stderr } = this.#streams;
    if (!stdin.isTTY || !stderr.isTTY)
      throw new UsageError(`${option} needs --yes where there is no terminal to ask on.`);
    const lines = createInterface({ input: stdin, output: stderr });
    const answer = await lines.question(`${question} [yes/no] `).finally(() => lines.close());
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandFailure('Nothing was done.');
  }

  /** Names something that could not be done while the rest goes on. */
  itemFailed(message: string): void {
    this.output.problem(message);
    this.exitCode = exitCodes.failed;
  }

  /** Without a word, waiting for the keyboard looks like hanging. */
  #announceInput(source: string): void {
    if (source === '-' && this.#streams.stdin.isTTY) this.output.note('Type JSON, and end it with Ctrl-D:');
  }
}
