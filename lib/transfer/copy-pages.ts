import type { Semaphore } from './semaphore.ts';

/** A part of what is to be copied. */
export interface Page {
  /** Where to continue after it; absent from the last page. */
  readonly cursor?: string | undefined;
}

export interface CopyPages<P extends Page, R> {
  readonly pages: AsyncIterable<P>;
  /** Makes one page durable. Runs for several pages at the same time, in any order; must be safe to repeat. */
  readonly copy: (page: P) => Promise<R>;
  /** Called in the order of the pages, once a page and all before it are durable. */
  readonly done: (page: P, result: R) => void | Promise<void>;
  /** Shared by all segments: how many pages are under way at the same time, from their copy to their report. */
  readonly semaphore: Semaphore;
  /** Once aborted, no more pages are begun; those under way are finished. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies pages, several at a time, and reports them in order: the copy can continue after the cursor of the last reported
 * page, whatever happened to the pages behind it.
 * @throws the error of the first page that failed, after those before it were reported and all others have ended
 */
export async function copyPages<P extends Page, R>({
  pages,
  copy,
  done,
  semaphore,
  signal,
}: CopyPages<P, R>): Promise<void> {
  let failed = false;
  let reported: Promise<void> = Promise.resolve();
  const reportAfter = async (before: Promise<void>, page: P, copied: Promise<R>): Promise<void> => {
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
      // Not before: no more pages than the semaphore admits are in memory, or copied again after a crash.
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
      const copied = copy(page).catch((error: unknown) => {
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
