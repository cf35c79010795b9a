import type { CollectionName } from '../model/collections.ts';
import { now } from '../model/timestamps.ts';
import { copyPages, type Page } from './copy-pages.ts';
import { Semaphore } from './semaphore.ts';
import type { Unit } from './unit.ts';
import type { WorkState } from './work-state.ts';

/** How often the progress of a unit is stored, in milliseconds: about as much work is done again after a kill. */
const CHECKPOINT_MS = 1_000;
/** A call ends when less time is left: for the pages under way, and to store the progress. */
const MARGIN_MS = 20_000;

/** One step of long work, done unit by unit. */
export interface Phase<U extends Unit, P extends Page, R> {
  /** Pages that are worked on at the same time. */
  readonly workers: number;
  /** The result of no page. */
  readonly nothing: R;
  /** Whether a unit that was interrupted begins anew: its pages cannot be continued by another process. */
  readonly indivisible?: boolean;
  /** The pages of a unit after those in `done`. */
  pages(unit: U, done: { readonly cursor?: string | undefined; readonly result: R }): AsyncIterable<P>;
  /** Deals with a page. Must be safe to repeat: a page whose checkpoint was not stored comes again. */
  work(unit: U, page: P): Promise<R>;
  /** The result of several pages, from those of its parts. */
  sum(a: R, b: R): R;
  /** What a page holds, for the display of progress. */
  count(unit: U, page: P): EntityCount;
}

export type EntityCount = readonly [collection: CollectionName, entities: number];

export type AnyPhase = Phase<Unit, Page, unknown>;

/** How far a unit is. */
export interface UnitProgress<R = unknown> {
  /** Of the last page that is done. */
  cursor?: string | undefined;
  done: boolean;
  result: R;
  /** When it was stored. */
  at: string;
}

/** What a process brings along that works on units. */
export interface Running {
  /** Milliseconds that this process may still run; no limit if left out. */
  readonly timeLeft?: (() => number) | undefined;
  /** Once aborted, pages under way are finished and stored, and the call throws. */
  readonly signal?: AbortSignal | undefined;
  /** Shared by several units: how many pages are under way at the same time. */
  readonly semaphore?: Semaphore | undefined;
  /** Called with the entities of each page, after its checkpoint if there is one. */
  readonly progress?: ((...count: EntityCount) => void) | undefined;
  readonly checkpointMs?: number | undefined;
}

/**
 * Works on a unit from where it was left, and returns in time: a unit that takes longer than one process may run is called
 * again until it is done.
 * @param name of the object that holds its progress
 */
export async function runUnit(
  state: WorkState,
  name: string,
  phase: AnyPhase,
  unit: Unit,
  { timeLeft = () => Number.POSITIVE_INFINITY, signal, semaphore, progress, checkpointMs = CHECKPOINT_MS }: Running,
): Promise<UnitProgress> {
  const reached = (await state.read<UnitProgress>(name)) ?? { done: false, result: phase.nothing, at: now() };
  if (reached.done) return reached;
  const outOfTime = new AbortController();
  let storedAt = performance.now();
  const store = async (): Promise<void> => {
    if (phase.indivisible && !reached.done) return;
    storedAt = performance.now();
    reached.at = now();
    await state.write(name, reached);
  };
  try {
    await copyPages({
      pages: phase.pages(unit, reached),
      copy: (page) => phase.work(unit, page),
      semaphore: semaphore ?? new Semaphore(phase.workers),
      signal: signal === undefined ? outOfTime.signal : AbortSignal.any([outOfTime.signal, signal]),
      done: async (page, result) => {
        reached.result = phase.sum(reached.result, result);
        reached.cursor = page.cursor;
        reached.done = page.cursor === undefined;
        if (!phase.indivisible && timeLeft() < MARGIN_MS) outOfTime.abort();
        else if (performance.now() - storedAt >= checkpointMs) await store();
        progress?.(...phase.count(unit, page));
      },
    });
  } catch (error) {
    if (!outOfTime.signal.aborted) {
      await store();
      throw error;
    }
  }
  await store();
  return reached;
}
