import type { Semaphore } from './semaphore.ts';

/** A part of what is to be copied, and where to go on after it. */
export interface PageToCopy<T> {
  readonly items: readonly T[];
  readonly cursor?: string | undefined;
}

export interface CopyPages<T, R> {
  readonly pages: AsyncIterable<PageToCopy<T>>;
  /** Makes one page durable. Runs for several pages at the same time, in any order; must be safe to repeat. */
  readonly copy: (items: readonly T[]) => Promise<R>;
  /** Called in the order of the pages, once a page and all before it are durable. */
  readonly done: (page: PageToCopy<T>, result: R) => void | Promise<void>;
  /** Shared by all segments: how many pages are under way at the same time, from their copy to their report. */
  readonly semaphore: Semaphore;
  /** Once aborted, no more pages are begun; those under way are finished. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies pages, several at a time, and reports them in order: whoever keeps the cursor of the last reported page can go
 * on after it, whatever happened to the pages behind.
 * @throws the error of the first page that failed, after those before it were reported and all others have ended
 */
export async function copyPages<T, R>({ pages, copy, done, semaphore, signal }: CopyPages<T, R>): Promise<void> {
  let failed = false;
  let reported: Promise<void> = Promise.resolve();
  const reportAfter = async (before: Promise<void>, page: PageToCopy<T>, copied: Promise<R>): Promise<void> => {
    try {
      // Both to their ends: nobody may hear of a page once the caller was told of a failure.
      const [earlier, own] = await Promise.allSettled([before, copied]);
      if (earlier.status === 'rejected') throw earlier.reason;
      if (own.status === 'rejected') throw own.reason;
      await done(page, own.value);
    } catch (error) {
      failed = true;
      throw error;
    } finally {
      // Not before: no more pages than there are semaphore are in memory, or copied again after a crash.
      semaphore.leave();
    }
  };
  try {
    for await (const page of pages) {
      await semaphore.enter();
      if (failed || signal?.aborted) {
        semaphore.leave();
        break;
      }
      const copied = copy(page.items).catch((error: unknown) => {
        // At once, though it is reported later: nothing more is to begin.
        failed = true;
        throw error;
      });
      reported = reportAfter(reported, page, copied);
      reported.catch(() => {});
    }
  } finally {
    // Also where no more pages can be read: those that were read are reported first.
    await reported;
  }
  signal?.throwIfAborted();
}
