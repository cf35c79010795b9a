/** TypeScript types of the stored entities, derived from the declarations in `collections.ts`. */
import type { CollectionName, collections, FieldType } from './collections.ts';

export type JsonValue = string | number | boolean | null | JsonValue[] | JsonObject;
export interface JsonObject {
  [key: string]: JsonValue;
}

interface ValueOf extends Record<FieldType, unknown> {
  string: string;
  integer: number;
  timestamp: string;
  list: JsonValue[];
  object: JsonObject;
}

type Fields<C extends CollectionName> = (typeof collections)[C]['fields'];
type Value<F> = F extends { type: infer T extends FieldType } ? ValueOf[T] : never;
type RequiredNames<C extends CollectionName> = {
  [N in keyof Fields<C>]: Fields<C>[N] extends { required: true } ? N : never;
}[keyof Fields<C>];
type DefaultedNames<C extends CollectionName> = {
  [N in keyof Fields<C>]: Fields<C>[N] extends { default: string } | { defaultFrom: object } ? N : never;
}[keyof Fields<C>];
type Flat<T> = { [N in keyof T]: T[N] };
/** Fields that the model does not declare: kept unchanged. */
type Undeclared = { [field: string]: JsonValue | undefined };

/** An entity as a store returns it. Timestamps are UTC, `2026-11-22T10:00:00.000Z`. */
export type EntityOf<C extends CollectionName> = Flat<
  { [N in RequiredNames<C>]: Value<Fields<C>[N]> } & {
    [N in Exclude<keyof Fields<C>, RequiredNames<C>>]?: Value<Fields<C>[N]>;
  } & { created_at: string; updated_at: string; version: number }
> &
  Undeclared;

/** An entity as sent by a caller: fields with defaults may be omitted, null means absent, `version` is the expected version. */
export type EntityInput<C extends CollectionName> = Flat<
  { [N in Exclude<RequiredNames<C>, DefaultedNames<C>>]: Value<Fields<C>[N]> } & {
    [N in Exclude<keyof Fields<C>, Exclude<RequiredNames<C>, DefaultedNames<C>>>]?: Value<Fields<C>[N]> | null;
  } & { created_at?: string | null; updated_at?: string | null; version?: number | null }
> &
  Undeclared;

/** Top-level fields to replace; null removes the field. */
export type EntityChanges<C extends CollectionName> = Flat<
  { [N in keyof Fields<C>]?: Value<Fields<C>[N]> | null } & {
    created_at?: string | null;
    updated_at?: string | null;
    version?: number | null;
  }
> &
  Undeclared;

export type Template = EntityOf<'templates'>;
export type HostRequest = EntityOf<'requests'>;
export type Machine = EntityOf<'machines'>;

/** Any entity, for code that treats all collections alike. Records of other programs may lack required fields. */
export type Entity = { [field: string]: JsonValue | undefined } & { version: number };
