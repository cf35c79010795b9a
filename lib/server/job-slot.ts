import { mkdirSync } from 'node:fs';
import { BackupError, MigrationError } from '../repository/errors.ts';
import { RequestError } from '../service/http/request-error.ts';
import { RunLock } from '../transfer/run-lock.ts';

export type JobKind = 'migration' | 'backup';

/**
 * Lets one job of a kind run at a time, also where several servers share the folder. A server that ends lets go of the slot
 * while its job may still run: whoever takes it looks at the lock of each job too.
 */
export class JobSlot {
  readonly #folder: string;
  readonly #kind: JobKind;
  #held: { readonly id: string; readonly lock: RunLock } | undefined;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(folder: string, kind: JobKind) {
    this.#folder = folder;
    this.#kind = kind;
  }

  /** Does work one after the other: the same call may arrive twice at once. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** @throws RequestError where a job of this server has the slot, or one of another server */
  take(id: string): void {
    if (!this.tryTake(id)) throw this.busy(this.#held?.id);
  }

  /** @throws MigrationError, BackupError where the folder cannot be written */
  tryTake(id: string): boolean {
    if (this.#held !== undefined) return false;
    const lock = this.#lock();
    if (lock !== undefined) this.#held = { id, lock };
    return lock !== undefined;
  }

  free(): void {
    this.#held?.lock[Symbol.dispose]();
    this.#held = undefined;
  }

  /** The refusal of another job. */
  busy(id: string | undefined): RequestError {
    const which = id === undefined ? `Another ${this.#kind}` : `The ${this.#kind} ${JSON.stringify(id)}`;
    return new RequestError(`${this.#kind}_running`, `${which} is running. Wait until it has ended.`);
  }

  #lock(): RunLock | undefined {
    try {
      mkdirSync(this.#folder, { recursive: true });
      // No id has a dot.
      return RunLock.take(this.#folder, `jobs.${this.#kind}`, 0);
    } catch (cause) {
      const message = `${this.#folder} cannot be written: ${(cause as Error).message}. Correct migration.state_location.`;
      throw this.#kind === 'backup' ? new BackupError(message, { cause }) : new MigrationError(message, { cause });
    }
  }
}
