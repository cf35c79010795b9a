/** The rows of an isolation test, the operations on them, and their effect without concurrency. */
export type Kind = 'requests' | 'machines';
export type Key = `${Kind}/${string}`;
export interface Fields {
  /** Declared and filterable for requests, for machines a field like any other. */
  readonly machine_count: number;
  readonly status: string;
}
export interface Row extends Fields {
  readonly version: number;
}

/** A value, any of several, or a minimum. */
export interface RowFilters {
  readonly machine_count?: number | readonly number[] | { readonly gte: number };
  readonly status?: string;
}

export type Operation =
  | { readonly kind: 'get' | 'delete'; readonly key: Key }
  | { readonly kind: 'save'; readonly key: Key; readonly fields: Fields }
  | { readonly kind: 'update'; readonly key: Key; readonly fields: Partial<Fields> }
  | { readonly kind: 'query' | 'count'; readonly from: Kind; readonly filters: RowFilters }
  /** Only outside transactions. */
  | { readonly kind: 'get together'; readonly keys: readonly Key[] };

export type Found = readonly (readonly [Key, Row])[];
/** 'missing' if a row to be updated or deleted does not exist. */
export type Outcome = Row | undefined | Found | number | 'missing';
export type Perform = (operation: Operation) => Promise<Outcome>;

/** One client of the rows, with a connection of its own. */
export interface Client {
  /** Outside transactions. */
  readonly perform: Perform;
  transaction<T>(work: (perform: Perform) => Promise<T>): Promise<T>;
  /** Whether a query outside transactions sees every commit, and no partial one. */
  readonly exactQueries: boolean;
  /** Whether rows that are read together are from the same moment. */
  readonly exactBatches: boolean;
}

export const kindOf = (key: Key): Kind => (key.startsWith('requests/') ? 'requests' : 'machines');

function matches(row: Row, { status = row.status, machine_count = row.machine_count }: RowFilters): boolean {
  if (row.status !== status) return false;
  if (typeof machine_count === 'number') return row.machine_count === machine_count;
  return 'gte' in machine_count ? row.machine_count >= machine_count.gte : machine_count.includes(row.machine_count);
}

export type Rows = Map<Key, Row>;

/** The effect and the answer of the operation without concurrency. */
export function performInMemory(rows: Rows, operation: Operation): Outcome {
  switch (operation.kind) {
    case 'get':
      return rows.get(operation.key);
    case 'get together':
      return operation.keys.flatMap((key): Found => {
        const row = rows.get(key);
        return row === undefined ? [] : [[key, row]];
      });
    case 'save': {
      const row = { ...operation.fields, version: (rows.get(operation.key)?.version ?? 0) + 1 };
      rows.set(operation.key, row);
      return row;
    }
    case 'update': {
      const old = rows.get(operation.key);
      if (old === undefined) return 'missing';
      const row = { ...old, ...operation.fields, version: old.version + 1 };
      rows.set(operation.key, row);
      return row;
    }
    case 'delete':
      return rows.delete(operation.key) ? undefined : 'missing';
    default: {
      const all = [...rows].filter(([key, row]) => kindOf(key) === operation.from && matches(row, operation.filters));
      if (operation.kind === 'count') return all.length;
      return all.toSorted(([a], [b]) => (a < b ? -1 : 1));
    }
  }
}
