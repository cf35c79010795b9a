/** How entities get from one store to the other, and are deleted again where they are not wanted. */
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, referencesFrom, referencesTo } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { problemsInWords } from '../model/json-values.ts';
import { MigrationError, ReferenceNotFoundError } from '../repository/errors.ts';
import { idOf, versionOf, WriteRejected } from '../repository/guarded-write.ts';
import type { LoadOptions } from '../repository/storage-strategy.ts';
import { Compatibility, textsIn } from '../transfer/compatibility.ts';
import { retryingStore, type TransferStore } from '../transfer/retrying-store.ts';
import type { MigrationSettings } from './settings.ts';
import type { MigrationStore } from './stores.ts';

export interface Copying {
  readonly source: TransferStore;
  readonly target: TransferStore;
  readonly compatibility: Compatibility;
  readonly settings: MigrationSettings;
}

/** @param retryForMs how long a store may be unreachable, in milliseconds */
export function copyingOf(
  source: MigrationStore,
  target: MigrationStore,
  settings: MigrationSettings,
  retryForMs?: number,
): Copying {
  const from = retryingStore(source.repository.strategy, retryForMs);
  const to = retryingStore(target.repository.strategy, retryForMs);
  const compatibility = new Compatibility({
    target: to,
    enforceReferences: target.enforceReferences,
    defaults: settings.defaults,
    parents: (collection, ids) => from.get(collection, ids),
  });
  return { source: from, target: to, compatibility, settings };
}

/** The outcome of one or more batches. */
export interface CopiedBatch {
  readonly read: number;
  /** Written; the others existed already, in this or a newer version. */
  readonly copied: number;
  readonly skipped: number;
}

/** Copies a batch: over older versions only, so that repeating it is harmless. */
export async function copyBatch(
  copying: Copying,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<CopiedBatch> {
  const { entities, incompatible } = await copying.compatibility.checkPage(collection, records);
  const [first] = incompatible;
  if (first !== undefined && copying.settings.on_invalid === 'fail') {
    const why = problemsInWords(first.problems);
    throw new MigrationError(
      `${collection} ${JSON.stringify(first.id)} was written after the check and does not fit the target: ${why}. ` +
        'Correct it and resume, or leave such entities out with --on-invalid skip.',
    );
  }
  const copied = entities.length === 0 ? 0 : await loadWithParents(copying, collection, entities);
  return { read: records.length, copied, skipped: incompatible.length };
}

/** Loads entities into the target, and before them parents that were added to the source after it was read. */
export async function loadWithParents(
  copying: Copying,
  collection: CollectionName,
  entities: readonly Entity[],
  options?: LoadOptions,
): Promise<number> {
  try {
    return await copying.target.load(collection, entities, options);
  } catch (error) {
    if (!(error instanceof ReferenceNotFoundError)) throw error;
    for (const { field, parent } of referencesFrom(collection)) {
      const parents = await copying.source.get(parent, textsIn(entities, field));
      await copyBatch(
        copying,
        parent,
        parents.filter((entity) => entity !== undefined),
      );
    }
    return copying.target.load(collection, entities, options);
  }
}

/**
 * Deletes from the source the entities that the target holds in the very same form, unless they are referred to.
 * @returns how many were deleted
 */
export async function removeCopied(
  { source, target, compatibility }: Copying,
  collection: CollectionName,
  records: readonly Entity[],
): Promise<number> {
  const { entities } = await compatibility.checkPage(collection, records);
  if (entities.length === 0) return 0;
  const held = await target.get(
    collection,
    entities.map((entity) => idOf(collection, entity)),
  );
  const copied = entities.filter((entity, i) => canonicalJson(entity) === canonicalJson(held[i] ?? null));
  return deleteUnreferenced(source, collection, copied);
}

/**
 * Deletes entities that have not changed and that nothing refers to.
 * @returns how many were deleted
 * @throws the first error other than a refusal: the store could not be reached
 */
export async function deleteUnreferenced(
  store: TransferStore,
  collection: CollectionName,
  entities: readonly Entity[],
): Promise<number> {
  if (entities.length === 0) return 0;
  const unreferencedBy = referencesTo(collection);
  const lists = entities.map((entity) => [
    {
      kind: 'delete' as const,
      collection,
      id: idOf(collection, entity),
      expect: versionOf(entity),
      unreferencedBy,
    },
  ]);
  let deleted = 0;
  for (const outcome of await store.writeEach(lists)) {
    if ('entities' in outcome) deleted++;
    else if (!(outcome.error instanceof WriteRejected)) throw outcome.error;
  }
  return deleted;
}
