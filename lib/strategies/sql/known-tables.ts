/**
 * Whether the tables of a database are ones that this program may bring up to date, decided by their columns alone: other
 * programs call their tables `requests` and `machines` too, and an upgrade would take them from their owner.
 */
import type { CollectionName } from '../../model/collections.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import { type Table, tables } from './schema.ts';

/** The columns of the customer's own description, which a database may have before this program has seen it. */
const describedColumns: Readonly<Record<CollectionName, readonly string[]>> = {
  templates: [
    'template_id',
    'name',
    'provider_api',
    'vm_type',
    'max_number',
    'image_id',
    'subnet_ids',
    'security_group_ids',
    'attributes',
    'created_at',
    'updated_at',
  ],
  requests: [
    'request_id',
    'template_id',
    'machine_count',
    'status',
    'request_type',
    'created_at',
    'updated_at',
    'completed_at',
    'tags',
    'metadata',
  ],
  machines: [
    'machine_id',
    'request_id',
    'template_id',
    'status',
    'instance_type',
    'provider_instance_id',
    'private_ip',
    'public_ip',
    'created_at',
    'started_at',
    'terminated_at',
  ],
};

/** Columns that each schema of this program has added to those before it. The next change of the model is the next line. */
const addedColumns: readonly (readonly string[])[] = [['updated_at', 'version', 'extra']];

/** The columns that a table has had, from the description to the newest schema. */
export function knownColumns(table: CollectionName): ReadonlySet<string>[] {
  const known = [new Set(describedColumns[table])];
  for (const added of addedColumns) known.push(new Set([...(known.at(-1) as Set<string>), ...added]));
  return known;
}

/** Columns of a table that are named in a message. */
const MOST_NAMED = 5;

export const columnName = (name: string): string => (/^\w+$/.test(name) ? name : JSON.stringify(name));

function named(columns: readonly string[]): string {
  const more = columns.length - MOST_NAMED;
  const names = columns.slice(0, MOST_NAMED).map(columnName).join(', ');
  return more > 0 ? `${names} and ${more} more` : names;
}

/** What is foreign about a table; undefined where it is new, up to date, or as an earlier schema has left it. */
function foreignness({ name, columns }: Table, found: readonly string[]): string | undefined {
  if (found.length === 0) return undefined;
  const existing = new Set(found);
  // No step changes a table that has every column already.
  if (columns.every((column) => existing.has(column.name))) return undefined;
  const known = knownColumns(name);
  if (known.some((version) => version.size === existing.size && found.every((column) => version.has(column)))) {
    return undefined;
  }
  const [first, ...later] = known as [ReadonlySet<string>, ...ReadonlySet<string>[]];
  const unknown = found.filter((column) => !first.has(column) && !later.some((version) => version.has(column)));
  const missing = [...first].filter((column) => !existing.has(column));
  if (unknown.length > 0) return `${name} with the unknown columns ${named(unknown)}`;
  return `${name} ${missing.length > 0 ? `without the columns ${named(missing)}` : 'with columns of several schemas'}`;
}

/**
 * Refuses a database whose tables would have to be changed and are neither this program's nor those of the description.
 * Changes nothing.
 * @param place the database, for people
 * @param columnsOf names of the columns of a table; none where there is no such table
 * @throws ConfigurationError naming tables and columns
 */
export async function requireKnownTables(
  place: string,
  columnsOf: (table: CollectionName) => Promise<readonly string[]>,
): Promise<void> {
  const foreign: string[] = [];
  for (const table of tables) {
    const reason = foreignness(table, await columnsOf(table.name));
    if (reason !== undefined) foreign.push(reason);
  }
  if (foreign.length === 0) return;
  throw new ConfigurationError(
    `${place} holds tables of another program, which were left as they are: ${foreign.join('; ')}. Name another database in ` +
      'sql_strategy.name. If this one is to be upgraded all the same, move unknown columns to a table of their own first.',
  );
}
