/** Calls of one batch that are under way at the same time. */
const MAX_CONCURRENT_CALLS = 32;

/** Runs tasks, a bounded number of them at a time; results in their order. The first failure ends it. */
export async function concurrently<T, R>(tasks: readonly T[], run: (task: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < tasks.length; i = next++) results[i] = await run(tasks[i] as T);
  };
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT_CALLS, tasks.length) }, worker));
  return results;
}
