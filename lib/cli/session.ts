import { createInterface } from 'node:readline/promises';
import { type ConfigFile, readConfig } from '../config/load-config.ts';
import type { RemoteOptions } from '../remote/open-remote.ts';
import type { Repository } from '../repository/repository.ts';
import { openRepository } from '../strategies/open-repository.ts';
import { CommandFailure, type ExitCode, exitCodes, UsageError } from './failures.ts';
import { readJsonArgument, readJsonFile } from './input.ts';
import { Output, type Streams } from './output.ts';

/** The context of every command: the global options, the output and the exit code. */
export class Session {
  readonly output: Output;
  /** Value of --config. */
  configPath: string | undefined;
  /** The service to use instead of the store itself. */
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
   * Asks for confirmation on a terminal.
   * @param option the option that needs it, for the message to programs, which must give --yes
   * @throws UsageError if there is no terminal, CommandFailure if the answer is not yes
   */
  async confirm(question: string, option: string): Promise<void> {
    const { stdin, stderr } = this.#streams;
    if (!stdin.isTTY || !stderr.isTTY) throw new UsageError(`${option} needs --yes if there is no terminal to ask on.`);
    const lines = createInterface({ input: stdin, output: stderr });
    const answer = await lines.question(`${question} [yes/no] `).finally(() => lines.close());
    if (!/^y(?:es)?$/i.test(answer.trim())) throw new CommandFailure('Nothing was done.');
  }

  /** Reports a failed item while the command continues with the rest. */
  itemFailed(message: string): void {
    this.output.problem(message);
    this.exitCode = exitCodes.failed;
  }

  /** Without a note, waiting for the keyboard looks like a hang. */
  #announceInput(source: string): void {
    if (source === '-' && this.#streams.stdin.isTTY) this.output.note('Type JSON, and end it with Ctrl-D:');
  }
}
