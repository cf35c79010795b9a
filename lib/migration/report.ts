import type { CollectionName } from '../model/collections.ts';
import type { Difference, DifferenceKind } from '../transfer/compare-contents.ts';
import type { IncompatibleRecord } from '../transfer/compatibility.ts';

/** What preflight found, before anything was written. */
export interface Preflight {
  /** Entities of the source. */
  readonly totals: Readonly<Record<CollectionName, number>>;
  /** Their size as JSON, in bytes. */
  readonly bytes: number;
  /** Entities that the target cannot hold: how many, and the first thousand. */
  readonly incompatibleTotals: Readonly<Record<CollectionName, number>>;
  readonly incompatible: readonly IncompatibleRecord[];
}

/** What a comparison found, and mended. */
export interface Validation {
  /** Entities of the target, by collection. */
  readonly templates: number;
  readonly requests: number;
  readonly machines: number;
  /** Entities that were copied or deleted once more, because they had differed. */
  readonly repaired: number;
  readonly differences: Readonly<Record<DifferenceKind, number>>;
  /** The first thousand of them. */
  readonly listed: readonly Difference[];
}

export interface CollectionReport {
  /** Entities that were read from the source. */
  readonly read: number;
  /** Entities that were written; the others were there already. */
  readonly copied: number;
  readonly skipped: number;
  /** Entities that the source had when it was checked. */
  readonly total: number;
}

export interface MigrationReport {
  readonly id: string;
  readonly outcome: 'succeeded' | 'differences';
  readonly source: string;
  readonly target: string;
  readonly startedAt: string;
  readonly finishedAt: string;
  readonly collections: Readonly<Record<CollectionName, CollectionReport>>;
  /** The backup of the source. */
  readonly backup?: string;
  /** Absent where it was not wanted. */
  readonly validation?: Validation;
  /** Entities that were deleted from the source. */
  readonly removed?: number;
}

/**
 * How a migration has ended. What was left out is missing in the target: a comparison has counted it, and where there was
 * none, it is known all the same.
 */
export function outcomeOf({
  collections,
  validation,
}: Pick<MigrationReport, 'collections' | 'validation'>): MigrationReport['outcome'] {
  const differing =
    validation === undefined
      ? Object.values(collections).some(({ skipped }) => skipped > 0)
      : differencesIn(validation) > 0;
  return differing ? 'differences' : 'succeeded';
}

/** Differences that a job names; the report of the migration names more. */
const NAMED_BY_JOB = 20;

/** What a job says of a migration that has ended with differences. */
export function differencesOf({
  outcome,
  validation,
}: Pick<MigrationReport, 'outcome' | 'validation'>):
  | { readonly differences: Validation['differences']; readonly differing: Validation['listed'] }
  | undefined {
  if (outcome === 'succeeded' || validation === undefined) return undefined;
  return { differences: validation.differences, differing: validation.listed.slice(0, NAMED_BY_JOB) };
}

export const differencesIn = ({ differences }: Validation): number =>
  Object.values(differences).reduce((sum, count) => sum + count, 0);
