/** Queries, in one form for every store. */
import { type CollectionName, idFieldOf } from '../model/collections.ts';
import type { Scalar } from '../model/order.ts';

export const filterOperators = ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'begins_with'] as const;
export type FilterOperator = (typeof filterOperators)[number];

/** A value (equal), a list (any of), or operators that must all hold. Absent fields match only `ne`. */
export type Filter = Scalar | readonly Scalar[] | { readonly [O in FilterOperator]?: Scalar | readonly Scalar[] };
export type Filters = Readonly<Record<string, Filter>>;

export interface QueryOptions {
  readonly filters?: Filters | undefined;
  /** A declared scalar field, with `-` in front for descending order; absent values come last. Default `created_at`. */
  readonly orderBy?: string | undefined;
  /** 1..1000, default 100. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the previous page of the same query. */
  readonly cursor?: string | undefined;
  /** Whether to report how the query was answered. This has a cost: the SQL store runs the query a second time. */
  readonly explain?: boolean | undefined;
}

export interface CountOptions {
  readonly filters?: Filters | undefined;
  /** A declared scalar field. */
  readonly groupBy?: string | undefined;
}

/** One condition. `in` holds several values, any of which may match; every other operator holds one. */
export type Predicate =
  | { readonly field: string; readonly operator: Exclude<FilterOperator, 'in'>; readonly value: Scalar }
  | { readonly field: string; readonly operator: 'in'; readonly values: readonly Scalar[] };

export interface Order {
  readonly field: string;
  readonly descending: boolean;
}

/** A position in an order: the value of the order field (undefined: absent) and the id, which breaks ties. */
export interface Position {
  readonly value: Scalar | undefined;
  readonly id: string;
}

/** A query as a store sees it: every predicate must hold; the id breaks ties, in the direction of the order. */
export interface Query {
  readonly predicates: readonly Predicate[];
  readonly order: Order;
  readonly limit: number;
  /** Where the previous page ended. */
  readonly after?: Position | undefined;
  /** Whether to report how the page was found. */
  readonly explain: boolean;
}

/** The position of an entity in an order. */
export const positionOf = (
  collection: CollectionName,
  order: Order,
  entity: Readonly<Record<string, unknown>>,
): Position => {
  const value = entity[order.field];
  return {
    value: typeof value === 'string' || typeof value === 'number' ? value : undefined,
    id: entity[idFieldOf(collection)] as string,
  };
};
