/** The language in which isolation tests are written: parties that take turns. */
import type { Fields, Found, Key, Kind, Operation, Outcome, Perform, Row, RowFilters } from './rows.ts';

/** The work of one transaction: what it writes depends on nothing but what it reads, as it may run several times. */
export type Party = (at: (turn: number) => Turn) => Promise<void>;

export interface Scenario {
  /** What is there before. */
  readonly rows: Readonly<Record<Key, Fields>>;
  /** Each is a transaction of a client of its own. */
  readonly parties: readonly Party[];
  /** The turn with which each transaction begins; all begin at once where it is not said. */
  readonly beginAt?: readonly number[];
  readonly observers?: readonly Observer[];
}

/** Reads all rows outside of transactions. */
export interface Observer {
  /** The turns at which it does. */
  readonly at: readonly number[];
  /** The party with whose client it reads, from 0; one more client where there is none. */
  readonly beside?: number;
}

/** What a party did and what came of it. */
export interface Entry {
  readonly operation: Operation;
  readonly outcome: Outcome;
}

/** How one party comes to its turns. */
export interface TurnTaking {
  begin(turn: number): Promise<void>;
  end(turn: number): void;
  /** The turn is over when the transaction has ended. */
  endWithTransaction(turn: number): void;
}

/** Thrown by a party that wants nothing of what it did to stay. */
export class RolledBack extends Error {}

/** One turn of a party, which does one thing in it, or several of a kind. */
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

  /** As the last thing a party does: the turn is over when its transaction has committed. */
  async commit(): Promise<void> {
    await this.#turns.begin(this.#turn);
    this.#turns.endWithTransaction(this.#turn);
  }

  async rollBack(): Promise<never> {
    await this.commit();
    throw new RolledBack('This party rolls back.');
  }
}

/** Lets a party do its work once. */
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
