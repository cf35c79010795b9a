import type { RepositoryFactory } from './stores.ts';

/**
 * Takes from an entity what the repository cannot know before its transaction has committed: over HTTP `updated_at`,
 * which the service sets then.
 */
export const knownBeforeCommit =
  ({ reach }: RepositoryFactory) =>
  <T extends object>(entity: T | undefined): T | undefined =>
    entity === undefined || reach.knowsTimeOfCommit ? entity : { ...entity, updated_at: undefined };
