/** When each step of several parties may happen: in a forced order, or at random. */
import { setTimeout as pause } from 'node:timers/promises';

export interface Schedule {
  /** Resolves when the party may take the turn. */
  begin(turn: number, party: number): Promise<void>;
  end(turn: number): void;
}

/** A store with locks admits only one party at a time, so waiting ends after this long. */
const RETRY_FOR_MS = 100;

/**
 * One turn after the other, by number, whichever party takes it, as far as the store allows. A turn that does not
 * come counts as over, and may come later.
 */
export class Turns implements Schedule {
  /** Every turn up to this one is over, or the wait for it timed out. */
  #over = 0;
  #progress = Promise.withResolvers<void>();
  /** The party whose wait timed out, with no turn of others since: it holds the lock, so it need not wait again. */
  #alone: number | undefined;

  async begin(turn: number, party: number): Promise<void> {
    if (this.#alone !== party) this.#alone = undefined;
    while (this.#over < turn - 1 && this.#alone !== party) {
      if (await this.#progressInTime()) continue;
      this.#alone = party;
    }
    this.#advance(turn - 1);
  }

  end(turn: number): void {
    this.#advance(turn);
  }

  #advance(over: number): void {
    if (over <= this.#over) return;
    this.#over = over;
    this.#progress.resolve();
    this.#progress = Promise.withResolvers();
  }

  async #progressInTime(): Promise<boolean> {
    const { promise: late, resolve } = Promise.withResolvers<false>();
    const timer = setTimeout(resolve, RETRY_FOR_MS, false);
    const progress = this.#progress.promise.then(() => true);
    return Promise.race([progress, late]).finally(() => clearTimeout(timer));
  }
}

/** No fixed order: each party pauses before each of its turns. */
export class Pauses implements Schedule {
  readonly #pauses: readonly (readonly number[])[];

  /** @param pauses milliseconds by party and turn; by default no pause */
  constructor(pauses: readonly (readonly number[])[]) {
    this.#pauses = pauses;
  }

  async begin(turn: number, party: number): Promise<void> {
    await pause(this.#pauses[party]?.[turn] ?? 0);
  }

  end(): void {}
}
