/** A server that tests use, running. */
export interface Service {
  /** Variables that tell the tests where it is; every worker inherits them. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** Those that this test run started: Jest's global set-up fills the list and its global tear-down empties it. */
export const running: Service[] = [];

/** Stops all of them, even where stopping one fails. */
export async function stopServices(): Promise<void> {
  await Promise.allSettled(running.splice(0).map((service) => service.stop()));
}
