/** Limits the total size of answers on all connections: those being prepared and those not yet received by their callers. */
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_ENTITY_BYTES } from '../model/limits.ts';
import { MAX_ANSWER_BYTES } from '../service/http/answer-size.ts';
import { CALL_DEADLINE_MS } from '../service/http/deadline.ts';
import { RequestError } from '../service/http/request-error.ts';
import type { Answer, AnswerSchema, Route } from '../service/http/routes.ts';

/** A caller that receives nothing of its answer for this long is disconnected. */
const STALLED_MS = 30_000;

/** The same while other answers wait for the budget. Node notices a stall only at the second timeout. */
const STALLED_WHILE_OTHERS_WAIT_MS = 1_000;

/** Longest time to receive an answer, however steadily, while others wait for the budget. */
const SENDING_WHILE_OTHERS_WAIT_MS = 30_000;

/** Bytes reserved for an answer until its size is known. Few answers exceed the small reservations. */
const answerBytes: Readonly<Record<AnswerSchema, number>> = {
  Entity: MAX_ENTITY_BYTES,
  Page: MAX_ANSWER_BYTES,
  Count: MAX_ENTITY_BYTES,
  BatchGetResult: MAX_ANSWER_BYTES,
  BatchSaveResult: MAX_ENTITY_BYTES,
  TransactionResult: MAX_ENTITY_BYTES,
  Provisioned: MAX_ANSWER_BYTES,
  Migration: MAX_ENTITY_BYTES,
  MigrationList: MAX_ENTITY_BYTES,
  Backup: MAX_ENTITY_BYTES,
  BackupList: MAX_ENTITY_BYTES,
  // Monitoring must get an answer even while other calls wait.
  Health: 0,
  OpenApi: MAX_ENTITY_BYTES,
};

const largestAnswer = ({ answers }: Pick<Route, 'answers'>): number =>
  Math.max(...Object.values(answers).map(({ schema }: Answer) => (schema === undefined ? 0 : answerBytes[schema])));

interface Waiting {
  readonly bytes: number;
  readonly reservation: AnswerReservation;
  readonly admit: () => void;
}

class AnswerBudget {
  #free: number;
  readonly #waiting: Waiting[] = [];
  readonly #sending = new Set<AnswerReservation>();
  #watch: NodeJS.Timeout | undefined;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Waits for free bytes, in the order of the calls. @throws RequestError deadline_exceeded */
  async reserve(reservation: AnswerReservation, bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && bytes <= this.#free) {
      this.#free -= bytes;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { bytes, reservation, admit: resolve };
    this.#waiting.push(waiting);
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#admitWaiting();
      reject(
        new RequestError(
          'deadline_exceeded',
          'The answers to other calls took too long; this call was not started. Try again in a while.',
        ),
      );
    }, CALL_DEADLINE_MS);
    this.#shortenTimeouts();
    await promise.finally(() => clearTimeout(timer));
  }

  release(bytes: number): void {
    this.#free += bytes;
    this.#admitWaiting();
  }

  startSending(reservation: AnswerReservation): void {
    this.#sending.add(reservation);
    reservation.disconnectIfStalled(this.#watch === undefined ? STALLED_MS : STALLED_WHILE_OTHERS_WAIT_MS);
  }

  stopSending(reservation: AnswerReservation): void {
    this.#sending.delete(reservation);
  }

  #admitWaiting(): void {
    for (let [first] = this.#waiting; first !== undefined && first.bytes <= this.#free; [first] = this.#waiting) {
      this.#waiting.shift();
      this.#free -= first.bytes;
      first.admit();
    }
    if (this.#waiting.length > 0 || this.#watch === undefined) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    for (const reservation of this.#sending) reservation.disconnectIfStalled(STALLED_MS);
  }

  #shortenTimeouts(): void {
    if (this.#watch !== undefined) return;
    this.#watch = setInterval(() => {
      for (const reservation of this.#sending) reservation.disconnectAfter(SENDING_WHILE_OTHERS_WAIT_MS);
    }, STALLED_WHILE_OTHERS_WAIT_MS);
    for (const reservation of this.#sending) reservation.disconnectIfStalled(STALLED_WHILE_OTHERS_WAIT_MS);
  }
}

/** The share of one answer in the budget, from before it is prepared until it is received. */
export class AnswerReservation implements Disposable {
  readonly #socket: Socket;
  readonly #budgets: AnswerBudgets;
  #budget: AnswerBudget | undefined;
  #bytes = 0;
  #sendingSince = 0;

  constructor(socket: Socket, budgets: AnswerBudgets) {
    this.#socket = socket;
    this.#budgets = budgets;
    // Clears the timeout of the previous answer: serving the call itself must not end the connection.
    this.disconnectIfStalled(0);
  }

  /** Waits until the budget has enough bytes for the largest answer of a route. @throws RequestError deadline_exceeded */
  async reserve(route: Pick<Route, 'answers'>): Promise<void> {
    const bytes = largestAnswer(route);
    if (bytes === 0) return;
    const budget = this.#budgets.budgetFor(bytes);
    await budget.reserve(this, bytes);
    this.#budget = budget;
    this.#bytes = bytes;
    await this.#budgets.waitForTurn(bytes);
  }

  /** Keeps only the actual size of the answer, which is now being sent. */
  send(bytes: number): void {
    this.#sendingSince = performance.now();
    this.disconnectIfStalled(STALLED_MS);
    const rest = this.#bytes - bytes;
    this.#bytes = bytes;
    this.#budget?.startSending(this);
    this.#budget?.release(rest);
  }

  /** Ends the connection once nothing of the answer was received for a time; 0 for never. */
  disconnectIfStalled(stalledMs: number): void {
    this.#socket.setTimeout(stalledMs);
  }

  /** Ends the connection if sending has already taken this long. */
  disconnectAfter(ms: number): void {
    if (performance.now() - this.#sendingSince > ms) this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.#budget?.stopSending(this);
    this.#budget?.release(this.#bytes);
    this.#budget = undefined;
  }
}

/** One budget for lists and one for single entities, so that these never wait for lists. */
export class AnswerBudgets {
  readonly #lists = new AnswerBudget(8 * MAX_ANSWER_BYTES);
  readonly #entities = new AnswerBudget(128 * MAX_ENTITY_BYTES);

  #turn: Promise<void> = Promise.resolve();

  budgetFor(bytes: number): AnswerBudget {
    return bytes > MAX_ENTITY_BYTES ? this.#lists : this.#entities;
  }

  /** Lets other calls be served between two lists: each list may keep the process busy for a while. */
  waitForTurn(bytes: number): Promise<void> {
    if (bytes > MAX_ENTITY_BYTES) this.#turn = this.#turn.then(() => nextTurn());
    return bytes > MAX_ENTITY_BYTES ? this.#turn : Promise.resolve();
  }
}
