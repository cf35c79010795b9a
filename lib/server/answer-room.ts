/** Keeps the answers of all connections together within bounds: those being made, and those not yet taken by who asked. */
import type { Socket } from 'node:net';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MAX_ENTITY_BYTES } from '../model/limits.ts';
import { MAX_ANSWER_BYTES } from '../service/http/answer-size.ts';
import { CALL_DEADLINE_MS } from '../service/http/deadline.ts';
import { RequestError } from '../service/http/request-error.ts';
import type { Answer, AnswerSchema, Route } from '../service/http/routes.ts';

/** A caller that takes nothing of its answer for this long is given up. */
const STALLED_MS = 30_000;

/** The same while others wait for room. Node notices at the second time that nothing was taken. */
const STALLED_WHILE_OTHERS_WAIT_MS = 1_000;

/** Time to take an answer in, however steadily, while others wait for room. */
const SENDING_WHILE_OTHERS_WAIT_MS = 30_000;

/** Bytes that are kept for an answer until its size is known; few of those that are kept small may be larger. */
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
  // Whoever watches the service has to know how it is while others wait.
  Health: 0,
  OpenApi: MAX_ENTITY_BYTES,
};

const largestAnswer = ({ answers }: Pick<Route, 'answers'>): number =>
  Math.max(...Object.values(answers).map(({ schema }: Answer) => (schema === undefined ? 0 : answerBytes[schema])));

interface Waiting {
  readonly bytes: number;
  readonly place: AnswerPlace;
  readonly enter: () => void;
}

class AnswerRoom {
  #free: number;
  readonly #waiting: Waiting[] = [];
  readonly #sending = new Set<AnswerPlace>();
  #watch: NodeJS.Timeout | undefined;

  constructor(bytes: number) {
    this.#free = bytes;
  }

  /** Waits for room, behind those that have come before. @throws RequestError deadline_exceeded */
  async take(place: AnswerPlace, bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && bytes <= this.#free) {
      this.#free -= bytes;
      return;
    }
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiting: Waiting = { bytes, place, enter: resolve };
    this.#waiting.push(waiting);
    const timer = setTimeout(() => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      this.#letIn();
      reject(
        new RequestError('deadline_exceeded', 'The answers to other calls took too long; this one was not begun.'),
      );
    }, CALL_DEADLINE_MS);
    this.#press();
    await promise.finally(() => clearTimeout(timer));
  }

  give(bytes: number): void {
    this.#free += bytes;
    this.#letIn();
  }

  sends(place: AnswerPlace): void {
    this.#sending.add(place);
    place.limit(this.#watch === undefined ? STALLED_MS : STALLED_WHILE_OTHERS_WAIT_MS);
  }

  sent(place: AnswerPlace): void {
    this.#sending.delete(place);
  }

  #letIn(): void {
    for (let [first] = this.#waiting; first !== undefined && first.bytes <= this.#free; [first] = this.#waiting) {
      this.#waiting.shift();
      this.#free -= first.bytes;
      first.enter();
    }
    if (this.#waiting.length > 0 || this.#watch === undefined) return;
    clearInterval(this.#watch);
    this.#watch = undefined;
    for (const place of this.#sending) place.limit(STALLED_MS);
  }

  #press(): void {
    if (this.#watch !== undefined) return;
    this.#watch = setInterval(() => {
      for (const place of this.#sending) place.endAfter(SENDING_WHILE_OTHERS_WAIT_MS);
    }, STALLED_WHILE_OTHERS_WAIT_MS);
    for (const place of this.#sending) place.limit(STALLED_WHILE_OTHERS_WAIT_MS);
  }
}

/** The place of one answer, from before it is made until it is taken. */
export class AnswerPlace implements Disposable {
  readonly #socket: Socket;
  readonly #rooms: AnswerRooms;
  #room: AnswerRoom | undefined;
  #bytes = 0;
  #sendingSince = 0;

  constructor(socket: Socket, rooms: AnswerRooms) {
    this.#socket = socket;
    this.#rooms = rooms;
    // Of the answer before: a call itself may take as long as it does.
    this.limit(0);
  }

  /** Waits until there is room for the largest answer of a route. @throws RequestError deadline_exceeded */
  async take(route: Pick<Route, 'answers'>): Promise<void> {
    const bytes = largestAnswer(route);
    if (bytes === 0) return;
    const room = this.#rooms.roomOf(bytes);
    await room.take(this, bytes);
    this.#room = room;
    this.#bytes = bytes;
    await this.#rooms.turnOf(bytes);
  }

  /** Tells the size of the answer, which is now on its way. */
  send(bytes: number): void {
    this.#sendingSince = performance.now();
    this.limit(STALLED_MS);
    const rest = this.#bytes - bytes;
    this.#bytes = bytes;
    this.#room?.sends(this);
    this.#room?.give(rest);
  }

  /** Ends the connection once nothing of the answer was taken for a time; 0 for never. */
  limit(stalledMs: number): void {
    this.#socket.setTimeout(stalledMs);
  }

  /** Ends the connection if the answer has been on its way for so long. */
  endAfter(ms: number): void {
    if (performance.now() - this.#sendingSince > ms) this.#socket.destroy();
  }

  [Symbol.dispose](): void {
    this.#room?.sent(this);
    this.#room?.give(this.#bytes);
    this.#room = undefined;
  }
}

/** Room for lists, and other room for single entities, which so never wait for lists. */
export class AnswerRooms {
  readonly #lists = new AnswerRoom(8 * MAX_ANSWER_BYTES);
  readonly #entities = new AnswerRoom(128 * MAX_ENTITY_BYTES);

  #turn: Promise<void> = Promise.resolve();

  roomOf(bytes: number): AnswerRoom {
    return bytes > MAX_ENTITY_BYTES ? this.#lists : this.#entities;
  }

  /** Waits, so that other calls are served between two lists: each list may keep the process busy for a while. */
  turnOf(bytes: number): Promise<void> {
    if (bytes > MAX_ENTITY_BYTES) this.#turn = this.#turn.then(() => nextTurn());
    return bytes > MAX_ENTITY_BYTES ? this.#turn : Promise.resolve();
  }
}
