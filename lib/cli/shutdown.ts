/** One press of Ctrl-C arrives several times: from the terminal, npm and the launcher. These count as one signal. */
const SAME_PRESS_MS = 500;

const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;
const signals = Object.keys(signalNumbers) as (keyof typeof signalNumbers)[];

/**
 * Calls `stop` at the first SIGINT or SIGTERM. A second one ends the process at once.
 * @returns stops listening when disposed
 */
export function onStop(stop: () => void): Disposable {
  let first: number | undefined;
  const listener = (signal: keyof typeof signalNumbers): void => {
    const now = performance.now();
    if (first === undefined) stop();
    first ??= now;
    if (now - first > SAME_PRESS_MS) process.exit(128 + signalNumbers[signal]);
  };
  for (const signal of signals) process.on(signal, listener);
  return {
    [Symbol.dispose]: () => {
      for (const signal of signals) process.off(signal, listener);
    },
  };
}

/** Resolves at the first one. */
export const untilStopped = (): Promise<void> => new Promise((resolve) => onStop(resolve));
