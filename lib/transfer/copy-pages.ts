import type { Slots } from './slots.ts';

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
  /** Shared by all segments: how many pages are copied at the same time. */
  readonly slots: Slots;
  /** Once aborted, no more pages are begun; those under way are finished. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * Copies pages, several at a time, and reports them in order: whoever keeps the cursor of the last reported page can go
 * on after it, whatever happened to the pages behind.
 * @throws the first error of a page, after those before it were reported
 */
export async function copyPages<T, R>({ pages, copy, done, slots, signal }: CopyPages<T, R>): Promise<void> {
  let failed = false;
  let reported: Promise<void> = Promise.resolve();
  for await (const page of pages) {
    await slots.enter();
    if (failed || signal?.aborted) {
      slots.leave();
      break;
    }
    const copied = copy(page.items).finally(() => slots.leave());
    const before = reported;
    reported = (async () => {
      try {
        // Both, so that a page that fails is never left without a listener.
        const [, result] = await Promise.all([before, copied]);
        await done(page, result);
      } catch (error) {
        failed = true;
        await copied.catch(() => {});
        throw error;
      }
    })();
    reported.catch(() => {});
  }
  await reported;
  signal?.throwIfAborted();
}
