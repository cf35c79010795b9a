/**
 * The expected behaviour of the repository, implemented as simply as possible: maps and loops. Written from the design,
 * it shares nothing with the code under test. Inputs are valid; the store sets the times, so they are copied from its
 * answers.
 */
import type { CollectionName } from '../../lib/model/collections.ts';

export type Fields = Record<string, unknown>;
export type Row = Fields & { version: number };

/** The possible outcomes of an operation: an entity (undefined after a deletion), or one of these error codes. */
export type Expected = { readonly row: Row | undefined } | { readonly codes: readonly string[] };

export interface OracleFilter {
  readonly field: string;
  readonly operator: 'eq' | 'ne' | 'in' | 'gt' | 'gte' | 'lt' | 'lte' | 'begins_with';
  readonly operand: unknown;
}

const ID = { templates: 'template_id', requests: 'request_id', machines: 'machine_id' } as const;
const PARENTS: Record<CollectionName, [field: string, parent: CollectionName][]> = {
  templates: [],
  requests: [['template_id', 'templates']],
  machines: [
    ['request_id', 'requests'],
    ['template_id', 'templates'],
  ],
};

/** Byte order of texts, value order of numbers. */
const order = (a: unknown, b: unknown): number =>
  typeof a === 'number' ? a - (b as number) : Buffer.compare(Buffer.from(a as string), Buffer.from(b as string));

function matches(row: Row, { field, operator, operand }: OracleFilter): boolean {
  const value = row[field];
  if (operator === 'ne') return value === undefined || value !== operand;
  if (value === undefined) return false;
  if (operator === 'eq') return value === operand;
  if (operator === 'in') return (operand as unknown[]).includes(value);
  if (operator === 'begins_with') return (value as string).startsWith(operand as string);
  const compared = order(value, operand);
  if (operator === 'gt') return compared > 0;
  if (operator === 'gte') return compared >= 0;
  return operator === 'lt' ? compared < 0 : compared <= 0;
}

export class Oracle {
  rows: Record<CollectionName, Map<string, Row>> = { templates: new Map(), requests: new Map(), machines: new Map() };

  copy(): Oracle {
    const copy = new Oracle();
    for (const name of Object.keys(ID) as CollectionName[]) copy.rows[name] = new Map(this.rows[name]);
    return copy;
  }

  /** If the write succeeds, the row is stored; the caller then completes it with `settle`. */
  save(collection: CollectionName, sent: Fields, expected: number | undefined): Expected {
    const id = sent[ID[collection]] as string;
    const old = this.rows[collection].get(id);
    const fields: Fields = Object.fromEntries(Object.entries(sent).filter(([, value]) => value !== null));
    if (collection === 'requests') fields.request_type ??= 'provision';
    const codes = [...this.#guard(old, expected, 'concurrency_conflict'), ...this.#orphan(collection, fields)];
    if (codes.length > 0) return { codes };
    const { created_at, ...rest } = fields;
    return this.#store(collection, id, {
      ...rest,
      created_at: old?.created_at ?? created_at,
      version: (old?.version ?? 0) + 1,
    });
  }

  update(collection: CollectionName, id: string, changes: Fields, expected: number | undefined): Expected {
    const old = this.rows[collection].get(id);
    const codes = [...this.#guard(old, expected, 'entity_not_found'), ...this.#orphan(collection, changes)];
    if (old === undefined) return { codes: [...codes, 'entity_not_found'] };
    if (codes.length > 0) return { codes };
    const changed = Object.entries({ ...old, ...changes }).filter(([, value]) => value !== null);
    return this.#store(collection, id, { ...Object.fromEntries(changed), version: old.version + 1 });
  }

  delete(collection: CollectionName, id: string, expected: number | undefined): Expected {
    const old = this.rows[collection].get(id);
    if (old === undefined) return { codes: ['entity_not_found'] };
    const codes = this.#guard(old, expected, 'entity_not_found');
    for (const child of Object.keys(ID) as CollectionName[]) {
      for (const [field, parent] of PARENTS[child]) {
        const children = [...this.rows[child].values()].some((row) => row[field] === id);
        if (parent === collection && children) codes.push('entity_in_use');
      }
    }
    if (codes.length > 0) return { codes };
    this.rows[collection].delete(id);
    return { row: undefined };
  }

  /** Copies the times that the store set. */
  settle(collection: CollectionName, row: Row, times: { created_at: unknown; updated_at: unknown }): Row {
    return this.#store(collection, row[ID[collection]] as string, { ...row, ...times }).row;
  }

  get(collection: CollectionName, id: string): Row | undefined {
    return this.rows[collection].get(id);
  }

  query(collection: CollectionName, filters: readonly OracleFilter[], orderBy = 'created_at'): Row[] {
    const descending = orderBy.startsWith('-');
    const field = descending ? orderBy.slice(1) : orderBy;
    const sign = descending ? -1 : 1;
    const id = ID[collection];
    return [...this.rows[collection].values()]
      .filter((row) => filters.every((filter) => matches(row, filter)))
      .sort((a, b) => {
        if (a[field] === undefined && b[field] !== undefined) return 1;
        if (a[field] !== undefined && b[field] === undefined) return -1;
        const byField = a[field] === undefined ? 0 : order(a[field], b[field]);
        return sign * (byField || order(a[id], b[id]));
      });
  }

  #store(collection: CollectionName, id: string, row: Row): { row: Row } {
    this.rows[collection].set(id, row);
    return { row };
  }

  #guard(old: Row | undefined, expected: number | undefined, missing: string): string[] {
    if (expected === undefined || expected === (old?.version ?? 0)) return [];
    if (old === undefined) return [missing];
    return [expected === 0 ? 'entity_exists' : 'concurrency_conflict'];
  }

  /** The errors for missing parents. */
  #orphan(collection: CollectionName, fields: Fields): string[] {
    return PARENTS[collection].flatMap(([field, parent]) => {
      const id = fields[field];
      if (typeof id !== 'string' || this.rows[parent].has(id)) return [];
      return [parent === 'templates' ? 'template_not_found' : 'reference_not_found'];
    });
  }
}
