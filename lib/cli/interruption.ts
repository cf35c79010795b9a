import { CommandFailure } from './failures.ts';
import type { Output } from './output.ts';
import { onStop } from './shutdown.ts';

/** Ctrl-C and SIGTERM during long work: the first one makes it fail in good order, a second one ends the process at once. */
export class Interruption implements Disposable {
  readonly #stop = new AbortController();
  readonly #listening: Disposable;

  /** @param left what is left behind, for people */
  constructor(output: Output, left: string) {
    this.#listening = onStop(() => {
      // In a log, the failure itself says enough.
      if (output.errorTerminal !== undefined) output.note('Stopping in good order; a second Ctrl-C ends at once.');
      this.#stop.abort(new CommandFailure(`Interrupted. ${left}`));
    });
  }

  get signal(): AbortSignal {
    return this.#stop.signal;
  }

  [Symbol.dispose](): void {
    this.#listening[Symbol.dispose]();
  }
}
