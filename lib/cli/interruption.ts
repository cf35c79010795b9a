import { CommandFailure } from './failures.ts';
import type { Output } from './output.ts';
import { onStop } from './shutdown.ts';

/** Ctrl-C and SIGTERM during long work: the first one stops it cleanly, a second one ends the process at once. */
export class Interruption implements Disposable {
  readonly #stop = new AbortController();
  readonly #listening: Disposable;

  /** @param consequence what is left behind, as a sentence for the user */
  constructor(output: Output, consequence: string) {
    this.#listening = onStop(() => {
      // In a log, the failure itself is enough.
      if (output.errorTerminal !== undefined) output.note('Stopping cleanly; press Ctrl-C again to end at once.');
      this.#stop.abort(new CommandFailure(`Interrupted. ${consequence}`));
    });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}
