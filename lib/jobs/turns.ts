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
    if ((await this.holders()).includes(id)) return true;
    const own = `queue/${asked}-${id}`;
    await this.#state.create(own, { id } satisfies Turn);
    let ahead = await this.#countAhead(own);
    for (let lane = 1; lane <= this.#options.limit; lane++) {
      const last = await this.#lastTurn(lane);
      if (last?.holder !== undefined && (await this.#options.isActive(last.holder))) continue;
      // A free lane belongs to whoever has waited longest.
      if (ahead-- > 0) continue;
      const number = (last?.number ?? 0) + 1;
      if (!(await this.#state.create(turnName(lane, number), { id } satisfies Turn))) continue;
      await this.#remove([own, ...(last === undefined ? [] : [turnName(lane, last.number)])]);
      return true;
    }
    return false;
  }

  /** Removes a job that waits no longer. */
  async leave(id: string, asked: string): Promise<void> {
    await this.#remove([`queue/${asked}-${id}`]);
  }

  /** The jobs that have a turn, whether or not it is over. */
  async holders(): Promise<string[]> {
    const lanes = Array.from({ length: this.#options.limit }, (_, i) => this.#lastTurn(i + 1));
    return (await Promise.all(lanes)).map((turn) => turn?.holder).filter((holder) => holder !== undefined);
  }

  /** How many jobs wait that have asked before. Those that have ended while they waited are removed. */
  async #countAhead(own: string): Promise<number> {
    const { states, isActive } = this.#options;
    const queued = (await states.list(`${this.#folder}/queue`)).map(({ name }) => this.#nameIn(name)).sort();
    let ahead = 0;
    for (const name of queued) {
      if (name >= own) break;
      const turn = await this.#state.read<Turn>(name);
      if (turn === undefined) continue;
      if (await isActive(turn.id)) ahead++;
      else await this.#remove([name]);
    }
    return ahead;
  }

  async #lastTurn(lane: number): Promise<{ readonly number: number; readonly holder: string | undefined } | undefined> {
    const turns = await this.#options.states.list(`${this.#folder}/${lane}`);
    const last = turns
      .map(({ name }) => this.#nameIn(name))
      .sort()
      .at(-1);
    if (last === undefined) return undefined;
    return { number: Number(last.slice(-DIGITS)), holder: (await this.#state.read<Turn>(last))?.id };
  }

  async #remove(names: readonly string[]): Promise<void> {
    await this.#options.states.remove(names.map((name) => `${this.#folder}/${name}.json`));
  }

  #nameIn(object: string): string {
    return object.slice(this.#folder.length + 1).replace(/\.json$/, '');
  }
}
