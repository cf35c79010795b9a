/** The language in which isolation tests are written: parties that take turns. */
import type { Fields, Found, Key, Kind, Operation, Outcome, Perform, Row, RowFilters } from './rows.ts';

/** The work of one transaction: its writes depend only on its reads, since it may run several times. */
export type Party = (at: (turn: number) => Turn) => Promise<void>;

export interface Scenario {
  /** The rows before. */
  readonly rows: Readonly<Record<Key, Fields>>;
  /** Each is a transaction of a client of its own. */
  readonly parties: readonly Party[];
  /** The turn with which each transaction begins; by default all begin at once. */
  readonly beginAt?: readonly number[];
  readonly observers?: readonly Observer[];
}

/** Reads all rows outside transactions. */
export interface Observer {
  /** The turns at which it reads. */
  readonly at: readonly number[];
  /** The party whose client it uses, from 0; by default one more client. */
  readonly beside?: number;
}

/** The operations of a party and their results. */
export interface Entry {
  readonly operation: Operation;
  readonly outcome: Outcome;
}

/** How one party gets its turns. */
export interface TurnTaking {
  begin(turn: number): Promise<void>;
  end(turn: number): void;
  /** The turn is over when the transaction has ended. */
  endWithTransaction(turn: number): void;
}

/** Thrown by a party to roll back. */
export class RolledBack extends Error {}

/** One turn of a party, with one operation or several of the same kind. */
export class Turn {
  readonly #turn: number;
  readonly #turns: TurnTaking;
  readonly #perform: Perform;

  constructor(turn: number, turns: TurnTaking, perform: Perform) {
    this.#turn = turn;
    this.#turns = turns;
    this.#perform = perform;
  }

  async perform(operation: Operation): Promise<Outcome> {
    await this.#turns.begin(this.#turn);
    try {
      return await this.#perform(operation);
    } finally {
      this.#turns.end(this.#turn);
    }
  }

  /** @returns its machine_count */
  async get(key: Key): Promise<number | undefined> {
    return ((await this.perform({ kind: 'get', key })) as Row | undefined)?.machine_count;
  }

  async save(key: Key, machine_count: number, status = 'PENDING'): Promise<void> {
    await this.perform({ kind: 'save', key, fields: { machine_count, status } });
  }

  /** Updates its machine_count. */
  async set(key: Key, machine_count: number): Promise<void> {
    await this.perform({ kind: 'update', key, fields: { machine_count } });
  }

  async delete(key: Key): Promise<void> {
    await this.perform({ kind: 'delete', key });
  }

  async query(filters: RowFilters, from: Kind = 'requests'): Promise<Found> {
    return (await this.perform({ kind: 'query', from, filters })) as Found;
  }

  async count(filters: RowFilters, from: Kind = 'requests'): Promise<number> {
    return (await this.perform({ kind: 'count', from, filters })) as number;
  }

  /** The last operation of a party: the turn is over when its transaction has committed. */
  async commit(): Promise<void> {
    await this.#turns.begin(this.#turn);
    this.#turns.endWithTransaction(this.#turn);
  }

  async rollBack(): Promise<never> {
    await this.commit();
    throw new RolledBack('This party rolls back.');
  }
}

/** Runs the work of a party once. */
export async function attempt(party: Party, perform: Perform, turns: TurnTaking): Promise<Entry[]> {
  const log: Entry[] = [];
  const logged: Perform = async (operation) => {
    const outcome = await perform(operation);
    log.push({ operation, outcome });
    return outcome;
  };
  await party((turn) => new Turn(turn, turns, logged));
  return log;
}
