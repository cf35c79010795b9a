import type { RepositoryFactory } from './stores.ts';

/**
 * Removes from an entity the fields that are unknown before the transaction commits: over HTTP `updated_at`,
 * which the service sets then.
 */
export const knownBeforeCommit =
  ({ reach }: RepositoryFactory) =>
  <T extends object>(entity: T | undefined): T | undefined =>
    entity === undefined || reach.knowsTimeOfCommit ? entity : { ...entity, updated_at: undefined };
