/** Calls of one batch that are under way at the same time. */
const MAX_CONCURRENT_CALLS = 32;

/**
 * Runs tasks, a bounded number of them at a time; results in their order. After the first failure, none begins any more;
 * it is thrown once those that are under way have ended.
 */
export async function concurrently<T, R>(tasks: readonly T[], run: (task: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let i = next++; i < tasks.length && failures.length === 0; i = next++) {
      try {
        results[i] = await run(tasks[i] as T);
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(MAX_CONCURRENT_CALLS, tasks.length) }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
