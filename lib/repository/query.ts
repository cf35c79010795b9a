/** What a query is, in one form for every store. */
import { type CollectionName, idFieldOf } from '../model/collections.ts';
import type { Scalar } from '../model/order.ts';

export const filterOperators = ['eq', 'ne', 'in', 'gt', 'gte', 'lt', 'lte', 'begins_with'] as const;
export type FilterOperator = (typeof filterOperators)[number];

/** A value (equal), a list (any of), or operators that must all hold. Absent fields match `ne` only. */
export type Filter = Scalar | readonly Scalar[] | { readonly [O in FilterOperator]?: Scalar | readonly Scalar[] };
export type Filters = Readonly<Record<string, Filter>>;

export interface QueryOptions {
  readonly filters?: Filters | undefined;
  /** A declared scalar field, with `-` in front for descending order; absent values come last. Default `created_at`. */
  readonly orderBy?: string | undefined;
  /** 1..1000, default 100. */
  readonly limit?: number | undefined;
  /** `nextCursor` of the page before, of the same query. */
  readonly cursor?: string | undefined;
  /** Whether to say how the query was answered. It costs: the SQL store runs the query a second time. */
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

/** A position in an order: the order field's value there (undefined: absent) and the id that breaks ties. */
export interface Position {
  readonly value: Scalar | undefined;
  readonly id: string;
}

/** A query as a store sees it: every predicate must hold; ties go by id, in the direction of the order. */
export interface Query {
  readonly predicates: readonly Predicate[];
  readonly order: Order;
  readonly limit: number;
  /** Where the page before ended. */
  readonly after?: Position | undefined;
  /** Whether the page is to say how it was found. */
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
