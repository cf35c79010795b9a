import type { Entity } from '../model/entities.ts';
import type { Scanner } from '../repository/storage-strategy.ts';
import { copyPages } from '../transfer/copy-pages.ts';
import { pagesOf } from '../transfer/scan-pages.ts';
import { Semaphore } from '../transfer/semaphore.ts';
import { type TaskState, type Unit, unitName } from './task-state.ts';

/** How often progress is kept while a unit goes on. */
const SAVE_MS = 5_000;
/** A task ends itself when less time is left: for the pages under way, and for its progress to be kept. */
const MARGIN_MS = 20_000;

/** How far a unit is. */
export interface UnitProgress<R> {
  /** Of the last page that is done with. */
  cursor?: string | undefined;
  done: boolean;
  /** What all its pages have come to. */
  result: R;
}

export interface UnitWork<P, R> {
  readonly phase: string;
  readonly unit: Unit;
  readonly scanner: Scanner;
  /** Entities of a page. */
  readonly limit: number;
  /** Pages that are worked on at the same time. */
  readonly workers: number;
  /** Deals with a page. Must be safe to repeat: a page whose progress was not kept comes again. */
  readonly work: (items: readonly Entity[]) => Promise<P>;
  /** What came of no page yet. */
  readonly nothing: R;
  /** What came of the pages before, and of one more. */
  readonly sum: (result: R, page: P) => R;
  /** Milliseconds that this process may still run. */
  readonly timeLeft: () => number;
}

/**
 * Goes on with a unit where it was left, and ends in time: a unit that takes longer than one process may run is called
 * again until it is done.
 */
export async function runUnit<P, R>(state: TaskState, work: UnitWork<P, R>): Promise<{ done: boolean }> {
  const name = unitName(work.phase, work.unit);
  const progress = (await state.read<UnitProgress<R>>(name)) ?? { done: false, result: work.nothing };
  if (progress.done) return { done: true };
  const stop = new AbortController();
  let savedAt = performance.now();
  const save = async (): Promise<void> => {
    savedAt = performance.now();
    await state.write(name, progress);
  };
  try {
    await copyPages({
      pages: pagesOf(work.scanner, work.unit.collection, work.limit, { ...work.unit, cursor: progress.cursor }),
      copy: work.work,
      semaphore: new Semaphore(work.workers),
      signal: stop.signal,
      done: async ({ cursor }, page) => {
        progress.result = work.sum(progress.result, page);
        progress.cursor = cursor;
        progress.done = cursor === undefined;
        if (work.timeLeft() < MARGIN_MS) stop.abort();
        else if (performance.now() - savedAt > SAVE_MS) await save();
      },
    });
  } catch (error) {
    if (!stop.signal.aborted) {
      await save();
      throw error;
    }
  }
  await save();
  return { done: progress.done };
}

/** What a unit has come to. @throws Error where it is not done */
export async function resultOf<R>(state: TaskState, phase: string, unit: Unit): Promise<R> {
  const name = unitName(phase, unit);
  const progress = await state.read<UnitProgress<R>>(name);
  if (progress?.done !== true) throw new Error(`${name} is not done.`);
  return progress.result;
}
