/** The tables, derived from the model: SPEC.md's columns, plus the store's own `updated_at`, `version` and `extra`. */
import {
  type CollectionName,
  collectionNames,
  declarationOf,
  type FieldDeclaration,
  fieldsOf,
  idFieldOf,
  referencesFrom,
} from '../../model/collections.ts';

/** How a column stores its field: JSON columns hold lists and objects as JSON text. */
export type ColumnKind = 'text' | 'integer' | 'timestamp' | 'json';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** In Unicode code points. */
  readonly maxLength?: number | undefined;
  readonly required: boolean;
  /** The value in rows of other programs that omit the column. */
  readonly default?: 'now' | 1;
}

export interface Index {
  /** Its name in the database, unique among all tables. */
  readonly name: string;
  /** Its name in the model, which `explain` reports. */
  readonly modelName: string;
  readonly columns: readonly string[];
}

export interface ForeignKey {
  /** The name that PostgreSQL itself would choose. */
  readonly name: string;
  readonly column: string;
  readonly parent: CollectionName;
  readonly parentColumn: string;
}

export interface Table {
  readonly name: CollectionName;
  readonly id: string;
  /** One for each declared field, and `extra` as the last. */
  readonly columns: readonly Column[];
  readonly indexes: readonly Index[];
  readonly foreignKeys: readonly ForeignKey[];
}

/** The column of all fields that the model does not declare, as one JSON object; NULL if there are none. */
export const EXTRA = 'extra';

const kinds = { string: 'text', integer: 'integer', timestamp: 'timestamp', list: 'json', object: 'json' } as const;

function columnOf(name: string, field: FieldDeclaration): Column {
  const required = field.required === true || name === 'version';
  const column = { name, kind: kinds[field.type], maxLength: field.maxLength, required };
  if (name === 'version') return { ...column, default: 1 };
  return name === 'created_at' || name === 'updated_at' ? { ...column, default: 'now' } : column;
}

function tableOf(name: CollectionName): Table {
  const id = idFieldOf(name);
  // The id breaks ties in the order: with it in the index, a page is read straight from the index.
  const index = (modelName: string, ...columns: string[]): Index => ({
    name: `${name}_${modelName.replaceAll('-', '_')}`,
    modelName,
    columns: [...columns, id],
  });
  return {
    name,
    id,
    columns: [
      ...[...fieldsOf(name)].map(([field, declaration]) => columnOf(field, declaration)),
      { name: EXTRA, kind: 'json', required: false },
    ],
    indexes: [
      ...declarationOf(name).indexes.map((declared) => index(declared.name, declared.partitionKey, declared.sortKey)),
      // For pages without a filter, whose order is created_at.
      index('created_at-index', 'created_at'),
    ],
    foreignKeys: referencesFrom(name).map(({ field, parent }) => ({
      name: `${name}_${field}_fkey`,
      column: field,
      parent,
      parentColumn: idFieldOf(parent),
    })),
  };
}

const tablesByName = new Map(collectionNames.map((name) => [name, tableOf(name)]));

export const tableFor = (collection: CollectionName): Table => tablesByName.get(collection) as Table;

/** Every table, parents before their children. */
export const tables: readonly Table[] = collectionNames.map(tableFor);

/** A quoted SQL identifier. Only for names of the model and of this folder, never for a caller's. */
export const quoted = (name: string): string => `"${name}"`;
