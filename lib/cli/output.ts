/** Results go to stdout; progress, warnings and errors to stderr. */
import { stripVTControlCharacters, styleText } from 'node:util';
import { formatTable } from './tables.ts';

type Style = 'red' | 'yellow' | 'green' | 'bold';

/** The streams of a command: the process's own, or a test's. */
export type Streams = Pick<NodeJS.Process, 'stdin' | 'stdout' | 'stderr'>;

export class Output {
  /** Whether results are printed for programs, as one JSON value. */
  json = false;
  #closed = false;
  readonly #streams: Streams;

  constructor(streams: Streams) {
    this.#streams = streams;
    // Callers learn of failed writes; without a listener these would also end the process.
    for (const stream of [streams.stdout, streams.stderr]) stream.on('error', () => {});
  }

  /** Whether the reader of the results has gone, as after `| head`: work that only produces results may stop. */
  get closed(): boolean {
    return this.#closed;
  }

  /** Columns of the terminal that shows the results, or undefined if it is not a terminal. */
  get terminalWidth(): number | undefined {
    const { isTTY, columns } = this.#streams.stdout;
    return isTTY ? columns || 80 : undefined;
  }

  /** The terminal that shows notes, or undefined if they go elsewhere. */
  get errorTerminal(): NodeJS.WriteStream | undefined {
    const { stderr } = this.#streams;
    return stderr.isTTY ? stderr : undefined;
  }

  /** Writes a part of the results, and waits until it is flushed. */
  async write(text: string): Promise<void> {
    if (this.#closed) return;
    await new Promise<void>((resolve, reject) => {
      this.#streams.stdout.write(text, (error) => {
        if (error === undefined || error === null) return resolve();
        if ((error as NodeJS.ErrnoException).code !== 'EPIPE') return reject(error);
        this.#closed = true;
        resolve();
      });
    });
  }

  async line(text: string): Promise<void> {
    await this.write(`${text}\n`);
  }

  /** Writes the one JSON value of a command. */
  async value(value: unknown): Promise<void> {
    await this.line(this.terminalWidth === undefined ? JSON.stringify(value) : JSON.stringify(value, null, 2));
  }

  async table(head: readonly string[], rows: readonly (readonly string[])[]): Promise<void> {
    await this.line(formatTable(head, rows, this.terminalWidth !== undefined));
  }

  /** Prints a note, separate from the results. */
  note(text: string): void {
    this.#streams.stderr.write(`${text}\n`);
  }

  /** Prints an error. Values in messages may come from anywhere, so terminal control sequences are removed. */
  problem(text: string): void {
    const { stderr } = this.#streams;
    const safe = stderr.isTTY ? stripVTControlCharacters(text) : text;
    this.note(`${styleText('red', 'hfstorage:', { stream: stderr })} ${safe}`);
  }

  /** Text in a colour if stdout supports colours. */
  styled(style: Style, text: string): string {
    return styleText(style, text, { stream: this.#streams.stdout });
  }
}
