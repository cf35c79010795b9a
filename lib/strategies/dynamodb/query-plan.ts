/** Plans how to answer a query: by an index if its partition key is compared for equality, else by a scan. */
import { type CollectionName, declarationOf, type IndexDeclaration } from '../../model/collections.ts';
import type { Scalar } from '../../model/order.ts';
import type { Predicate } from '../../repository/query.ts';

/** The values of an index's partition key that the predicates allow, with the index. */
export interface IndexPlan {
  readonly index: IndexDeclaration;
  readonly values: readonly Scalar[];
  /** The predicates that the partition key does not answer. */
  readonly rest: readonly Predicate[];
}

/** The index that answers the predicates from the fewest partitions; undefined if a scan is needed. */
export function planOf(collection: CollectionName, predicates: readonly Predicate[]): IndexPlan | undefined {
  let best: IndexPlan | undefined;
  for (const index of declarationOf(collection).indexes) {
    for (const predicate of predicates) {
      if (predicate.field !== index.partitionKey) continue;
      if (predicate.operator !== 'eq' && predicate.operator !== 'in') continue;
      const values = predicate.operator === 'in' ? predicate.values : [predicate.value];
      if (best !== undefined && best.values.length <= values.length) continue;
      // An index key is never empty, so no entity has such a value.
      const possible = values.filter((value) => value !== '');
      best = { index, values: possible, rest: predicates.filter((other) => other !== predicate) };
    }
  }
  return best;
}
