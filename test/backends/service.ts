/** A running server that tests use. */
export interface Service {
  /** Variables that hold its address for the tests. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** The servers to stop at the end: Jest's global set-up fills the list and its global tear-down empties it. */
export const running: Pick<Service, 'stop'>[] = [];

/** Stops all of them, even if stopping one fails. */
export async function stopServices(): Promise<void> {
  await Promise.allSettled(running.splice(0).map((service) => service.stop()));
}
