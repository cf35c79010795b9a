/**
 * The engine of long work. A kind of long work is a function that takes its steps one after the other; whoever runs it calls
 * the function again after an interruption, and steps whose results are stored are not taken again. `LocalSteps` work on all
 * units in this process. `RemoteSteps` stop at the first phase that is not done and say which units are left: a state machine
 * hands these to other processes, and then calls the function again.
 */
import { type AnyPhase, type EntityCount, type Phase, type Running, runUnit, type UnitProgress } from './run-unit.ts';
import type { Unit } from './unit.ts';
import type { WorkState } from './work-state.ts';

/** Phases by their names. */
export type Phases = Readonly<Record<string, AnyPhase>>;
// biome-ignore lint/suspicious/noExplicitAny: inference from a phase of any kind of pages.
type UnitOf<F> = F extends Phase<infer U, any, unknown> ? U : never;
type ResultOf<F> = F extends { readonly nothing: infer R } ? R : never;

/** The units of a phase that are left to do. */
export interface UnitsLeft<N = string> {
  readonly phase: N;
  /** Under which the progress of the units is stored: a phase may be gone through more than once. */
  readonly key: string;
  readonly units: readonly Unit[];
}

export abstract class Steps<F extends Phases> {
  readonly state: WorkState;
  readonly phases: F;

  constructor(phases: F, state: WorkState) {
    this.phases = phases;
    this.state = state;
  }

  /** Does something once, and returns its stored result from then on. The result must be a JSON value. */
  async once<T>(name: string, work: () => Promise<T>): Promise<T> {
    const stored = await this.state.read<{ readonly result: T }>(name);
    if (stored !== undefined) return stored.result;
    const result = await work();
    await this.state.write(name, { result });
    return result;
  }

  /**
   * Goes through a phase.
   * @param key under which it is stored; the name of the phase if left out
   * @returns the sum of the results of all units
   */
  async each<N extends keyof F & string>(
    phase: N,
    units: readonly UnitOf<F[N]>[],
    key: string = phase,
  ): Promise<ResultOf<F[N]>> {
    return this.once(`${key}/result`, async () => {
      const progress = await this.finish({ phase, key, units: units as readonly Unit[] });
      const { nothing, sum } = this.phases[phase] as AnyPhase;
      return progress.reduce((total, { result }) => sum(total, result), nothing) as ResultOf<F[N]>;
    });
  }

  /** Progress of units, all of which are done. */
  protected abstract finish(all: UnitsLeft<keyof F & string>): Promise<UnitProgress[]>;
}

export interface LocalOptions extends Omit<Running, 'progress' | 'timeLeft'> {
  readonly progress?: ((phase: string, ...count: EntityCount) => void) | undefined;
}

export class LocalSteps<F extends Phases> extends Steps<F> {
  readonly #options: LocalOptions;

  constructor(phases: F, state: WorkState, options: LocalOptions = {}) {
    super(phases, state);
    this.#options = options;
  }

  /** All units at the same time. The first that fails stops the others. */
  protected async finish({ phase, key, units }: UnitsLeft<keyof F & string>): Promise<UnitProgress[]> {
    const { signal, progress } = this.#options;
    const failed = new AbortController();
    const running: Running = {
      ...this.#options,
      signal: signal === undefined ? failed.signal : AbortSignal.any([failed.signal, signal]),
      progress: progress && ((...count) => progress(phase, ...count)),
    };
    const run = units.map((unit) =>
      runUnit(this.state, unitPath(key, unit), this.phases[phase] as AnyPhase, unit, running),
    );
    let failure: { readonly error: unknown } | undefined;
    for (const each of run) {
      each.catch((error: unknown) => {
        failure ??= { error };
        failed.abort();
      });
    }
    const outcomes = await Promise.allSettled(run);
    if (failure !== undefined) throw failure.error;
    return outcomes.map((outcome) => (outcome as PromiseFulfilledResult<UnitProgress>).value);
  }
}

/** Thrown by `RemoteSteps`: others must work on units first. */
export class UnitsAreLeft extends Error {
  readonly left: UnitsLeft;

  constructor(left: UnitsLeft) {
    super(`Units of ${left.key} are left.`);
    this.left = left;
  }
}

export class RemoteSteps<F extends Phases> extends Steps<F> {
  protected async finish(all: UnitsLeft<keyof F & string>): Promise<UnitProgress[]> {
    const progress = await Promise.all(all.units.map((unit) => this.state.read<UnitProgress>(unitPath(all.key, unit))));
    const units = all.units.filter((_, i) => progress[i]?.done !== true);
    if (units.length > 0) throw new UnitsAreLeft({ ...all, units });
    return progress as UnitProgress[];
  }
}

/** The object that holds the progress of a unit. */
export const unitPath = (key: string, { name }: Unit): string => `${key}/${name}`;
