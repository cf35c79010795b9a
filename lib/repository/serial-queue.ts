/** Runs tasks one after another, in the order in which they were given. A task that fails does not stop the next. */
export class SerialQueue {
  #tail: Promise<unknown> = Promise.resolve();

  run<T>(task: () => T | Promise<T>): Promise<T> {
    const result = this.#tail.then(task);
    this.#tail = result.catch(() => {});
    return result;
  }

  /** Waits until all tasks given so far have ended. */
  async settled(): Promise<void> {
    await this.#tail;
  }
}
