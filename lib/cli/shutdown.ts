/** One press of Ctrl-C arrives several times: from the terminal, npm and the launcher. These are one signal. */
const SAME_PRESS_MS = 500;

const signalNumbers = { SIGINT: 2, SIGTERM: 15 } as const;

/** Resolves at the first SIGINT or SIGTERM. A second one ends the process at once. */
export async function untilStopped(): Promise<void> {
  let first: number | undefined;
  await new Promise<void>((resolve) => {
    const stop = (signal: NodeJS.Signals) => {
      const now = performance.now();
      first ??= now;
      if (now - first > SAME_PRESS_MS) process.exit(128 + signalNumbers[signal as keyof typeof signalNumbers]);
      resolve();
    };
    for (const signal of Object.keys(signalNumbers)) process.on(signal, stop);
  });
}
