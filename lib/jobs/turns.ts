/**
 * Who may run: at most a number of jobs of a kind at the same time, in the order in which they have asked, whichever processes
 * ask. Objects that are created once decide it, so nothing is held by a process that has died:
 *
 * - `turns/KIND/LANE/000000007.json` names the job that took the seventh turn of a lane. There are as many lanes as jobs may
 *   run. The newest turn of a lane is over when its job is not active any more; then whoever creates the next one has it.
 * - `turns/KIND/queue/TIME-ID.json` is there while a job waits.
 */
import type { Location } from '../objects/location.ts';
import type { JobKind } from '../transfer/job-locks.ts';
import { StoredState } from '../transfer/work-state.ts';

interface Turn {
  readonly id: string;
}

export interface TurnsOptions {
  /** Where the state of long work is kept. */
  readonly states: Location;
  readonly kind: JobKind;
  /** How many jobs may run at the same time. */
  readonly limit: number;
  /** Whether a job that has a turn, or waits for one, will go on by itself. */
  readonly isActive: (id: string) => Promise<boolean>;
}

/** The newest turn of a lane; number 0 if there was none. */
interface LastTurn {
  readonly lane: number;
  readonly number: number;
  readonly holder: string | undefined;
}

const DIGITS = 9;
const turnName = (lane: number, number: number): string => `${lane}/${String(number).padStart(DIGITS, '0')}`;

export class Turns {
  readonly #options: TurnsOptions;
  readonly #folder: string;
  readonly #state: StoredState;

  constructor(options: TurnsOptions) {
    this.#options = options;
    this.#folder = `turns/${options.kind}`;
    this.#state = new StoredState(options.states, this.#folder);
  }

  /**
   * Takes a turn if it is the job's.
   * @param asked when the job was ordered: those that were ordered earlier come first
   * @returns whether the job may run; if not, it is queued and has to ask again
   */
  async take(id: string, asked: string): Promise<boolean> {
    const { limit, isActive } = this.#options;
    const last = await this.#lastTurns();
    if (last.some(({ holder }) => holder === id)) return true;
    const own = `queue/${asked}-${id}`;
    await this.#state.create(own, { id } satisfies Turn);
    const ahead = await this.#countAhead(id, own);
    const active = await Promise.all(last.map(({ holder }) => holder !== undefined && isActive(holder)));
    // A free lane belongs to whoever has waited longest. There may be more lanes than jobs that may run now.
    if (active.filter(Boolean).length + ahead >= limit) return false;
    for (const [i, { lane, number }] of last.entries()) {
      if (active[i] || !(await this.#state.create(turnName(lane, number + 1), { id } satisfies Turn))) continue;
      await this.#remove([own, ...(number === 0 ? [] : [turnName(lane, number)])]);
      return true;
    }
    return false;
  }

  /** The jobs that have a turn, whether or not it is over. */
  async holders(): Promise<string[]> {
    return (await this.#lastTurns()).map(({ holder }) => holder).filter((holder) => holder !== undefined);
  }

  /** How many other jobs wait that have asked before. Those that have ended while they waited are removed. */
  async #countAhead(id: string, own: string): Promise<number> {
    const { states, isActive } = this.#options;
    const queued = (await states.list(`${this.#folder}/queue`)).map(({ name }) => this.#nameIn(name)).sort();
    const ahead = new Set<string>();
    for (const name of queued) {
      if (name >= own) break;
      const turn = await this.#state.read<Turn>(name);
      if (turn === undefined) continue;
      // Its own, from when it was ordered before, is over.
      if (turn.id !== id && (await isActive(turn.id))) ahead.add(turn.id);
      else await this.#remove([name]);
    }
    return ahead.size;
  }

  /** The newest turn of each lane: also of those above the limit, which may have been lowered while jobs run. */
  async #lastTurns(): Promise<LastTurn[]> {
    const used = (await this.#options.states.folders(this.#folder)).map(Number).filter(Number.isInteger);
    const allowed = Array.from({ length: this.#options.limit }, (_, i) => i + 1);
    const lanes = [...new Set([...allowed, ...used])].sort((a, b) => a - b);
    return Promise.all(lanes.map((lane) => this.#lastTurn(lane)));
  }

  async #lastTurn(lane: number): Promise<LastTurn> {
    const turns = await this.#options.states.list(`${this.#folder}/${lane}`);
    const last = turns
      .map(({ name }) => this.#nameIn(name))
      .sort()
      .at(-1);
    if (last === undefined) return { lane, number: 0, holder: undefined };
    return { lane, number: Number(last.slice(-DIGITS)), holder: (await this.#state.read<Turn>(last))?.id };
  }

  async #remove(names: readonly string[]): Promise<void> {
    await this.#options.states.remove(names.map((name) => `${this.#folder}/${name}.json`));
  }

  #nameIn(object: string): string {
    return object.slice(this.#folder.length + 1).replace(/\.json$/, '');
  }
}
