import { type ConfigFile, readConfig } from '../config/load-config.ts';
import type { StorageRepository } from '../repository/storage-repository.ts';
import { openRepository } from '../strategies/open-repository.ts';
import { type ExitCode, exitCodes } from './failures.ts';
import { readJsonArgument, readJsonFile } from './input.ts';
import { Output, type Streams } from './output.ts';

/** What every command works with: the options that can be given everywhere, the output and the exit code. */
export class Session {
  readonly output: Output;
  /** Value of --config. */
  configPath: string | undefined;
  exitCode: ExitCode = exitCodes.done;
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
    this.output = new Output(streams);
  }

  async readConfig(): Promise<ConfigFile> {
    return readConfig(this.configPath);
  }

  async openRepository(): Promise<StorageRepository> {
    return openRepository((await this.readConfig()).config);
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
