/** The findings of `hfstorage doctor` about the entities themselves, on any store. */

import { type CollectionName, collectionNames, type Reference, referencesFrom } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { problemsInWords } from '../model/json-values.ts';
import { recordProblems } from '../model/validation.ts';
import type { Finding } from '../repository/finding.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { StorageStrategy } from '../repository/storage-strategy.ts';

const PAGE_ENTITIES = 1000;

export interface RecordCheck {
  /** Whether a missing parent is an error, since the store should have refused it. */
  readonly enforceReferences: boolean;
  /** Maximum findings to report for each collection; the rest are counted. */
  readonly most: number;
}

async function* pagesOf(strategy: StorageStrategy, collection: CollectionName): AsyncGenerator<readonly Entity[]> {
  let cursor: string | undefined;
  do {
    const page = await strategy.scan(collection, { segment: 0, segments: 1, limit: PAGE_ENTITIES, cursor });
    yield page.items;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** The ids that `field` of the entities refers to but that are not in the store. */
async function missingParents(
  strategy: StorageStrategy,
  { field, parent }: Reference,
  entities: readonly Entity[],
): Promise<ReadonlySet<unknown>> {
  const ids = [...new Set(entities.map((entity) => entity[field]).filter((id) => typeof id === 'string'))];
  const found = ids.length === 0 ? [] : await strategy.get(parent, ids);
  return new Set(ids.filter((_, i) => found[i] === undefined));
}

async function* pageFindings(
  strategy: StorageStrategy,
  collection: CollectionName,
  entities: readonly Entity[],
  enforceReferences: boolean,
): AsyncGenerator<Finding> {
  const named = (entity: Entity) => `${collection} ${JSON.stringify(idOf(collection, entity))}`;
  for (const entity of entities) {
    const problems = recordProblems(collection, entity);
    if (problems.length === 0) continue;
    const message = problemsInWords(problems);
    yield {
      level: 'warning',
      subject: named(entity),
      message: `${message}.`,
      remedy: 'Correct these fields with hfstorage update.',
    };
  }
  for (const reference of referencesFrom(collection)) {
    const { field, parent } = reference;
    const missing = await missingParents(strategy, reference, entities);
    for (const entity of entities) {
      if (!missing.has(entity[field])) continue;
      yield {
        level: enforceReferences ? 'error' : 'warning',
        subject: named(entity),
        message: `${field} refers to ${parent} ${JSON.stringify(entity[field])}, which does not exist.`,
        remedy: `Save the missing entity of ${parent}, correct ${field}, or delete this entity.`,
      };
    }
  }
}

/** Checks every entity: whether it obeys the model's rules, and whether the entities that it refers to exist. */
export async function* recordFindings(strategy: StorageStrategy, check: RecordCheck): AsyncGenerator<Finding> {
  for (const collection of collectionNames) {
    let entities = 0;
    const found = { warning: 0, error: 0, ok: 0 };
    for await (const page of pagesOf(strategy, collection)) {
      entities += page.length;
      for await (const finding of pageFindings(strategy, collection, page, check.enforceReferences)) {
        found[finding.level]++;
        if (found.warning + found.error <= check.most) yield finding;
      }
    }
    const total = found.warning + found.error;
    if (total === 0) yield { level: 'ok', subject: collection, message: `${entities} checked, no problems.` };
    if (total > check.most) {
      const level = found.error > 0 ? 'error' : 'warning';
      yield { level, subject: collection, message: `${total - check.most} more findings are not listed.` };
    }
  }
}
