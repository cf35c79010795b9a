/** A server that tests use, running. */
export interface Service {
  /** Variables that tell the tests where it is. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}

/** What this test run has to stop: Jest's global set-up fills the list and its global tear-down empties it. */
export const running: Pick<Service, 'stop'>[] = [];

/** Stops all of them, even where stopping one fails. */
export async function stopServices(): Promise<void> {
  await Promise.allSettled(running.splice(0).map((service) => service.stop()));
}
