/** Maximum calls of one batch that run at the same time. */
const MAX_CONCURRENT_CALLS = 32;

/**
 * Runs tasks, a bounded number at a time; the results are in the order of the tasks. After the first failure no further
 * task starts, and the failure is thrown once the running tasks have ended.
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
