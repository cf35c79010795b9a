/** The tables, derived from the model: SPEC.md's columns, and the store's own `updated_at`, `version` and `extra`. */
import {
  type CollectionName,
  collectionNames,
  declarationOf,
  type FieldDeclaration,
  fieldsOf,
  idFieldOf,
  referencesFrom,
} from '../../model/collections.ts';

/** How a column keeps its field: JSON columns hold lists and objects as their JSON text. */
export type ColumnKind = 'text' | 'integer' | 'timestamp' | 'json';

export interface Column {
  readonly name: string;
  readonly kind: ColumnKind;
  /** Unicode code points. */
  readonly maxLength?: number | undefined;
  readonly required: boolean;
  /** What other programs' rows get that leave the column out. */
  readonly default?: 'now' | 1;
}

export interface Index {
  /** Its name in the database, where names are shared by all tables. */
  readonly name: string;
  /** The model's name of it, which `explain` answers. */
  readonly modelName: string;
  readonly columns: readonly string[];
}

export interface ForeignKey {
  /** As PostgreSQL itself names it. */
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

/** The column of all fields that the model does not declare, as one JSON object; NULL where there are none. */
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
  // The id breaks ties of the order: with it in the index, a page is read off the index.
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

/** An identifier of SQL. Only names of the model and of this folder come here, never a caller's. */
export const quoted = (name: string): string => `"${name}"`;
