/**
 * Decides by their columns whether this program may upgrade the tables of a database: other programs may also have tables
 * named `requests` and `machines`, and an upgrade would break those programs.
 */
import type { CollectionName } from '../../model/collections.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import { type Table, tables } from './schema.ts';

/** The columns in SPEC.md, which a database may have before this program opens it for the first time. */
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

/** The columns that each schema of this program has added. The next change of the model is the next line. */
const addedColumns: readonly (readonly string[])[] = [['updated_at', 'version', 'extra']];

/** The columns that a table has had, from SPEC.md to the newest schema. */
export function knownColumns(table: CollectionName): ReadonlySet<string>[] {
  const known = [new Set(describedColumns[table])];
  for (const added of addedColumns) known.push(new Set([...(known.at(-1) as Set<string>), ...added]));
  return known;
}

/** How many columns of a table a message names. */
const MAX_NAMED = 5;

export const columnName = (name: string): string => (/^\w+$/.test(name) ? name : JSON.stringify(name));

function named(columns: readonly string[]): string {
  const more = columns.length - MAX_NAMED;
  const names = columns.slice(0, MAX_NAMED).map(columnName).join(', ');
  return more > 0 ? `${names} and ${more} more` : names;
}

/** Why a table counts as foreign; undefined if it is new, up to date, or has an earlier schema. */
function foreignReason({ name, columns }: Table, found: readonly string[]): string | undefined {
  if (found.length === 0) return undefined;
  const existing = new Set(found);
  // No migration changes a table that already has every column.
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
 * Refuses a database whose tables would have to be changed but match neither this program's schemas nor SPEC.md.
 * Changes nothing.
 * @param label the database, for messages
 * @param columnsOf names of the columns of a table; none if the table does not exist
 * @throws ConfigurationError naming tables and columns
 */
export async function requireKnownTables(
  label: string,
  columnsOf: (table: CollectionName) => Promise<readonly string[]>,
): Promise<void> {
  const foreign: string[] = [];
  for (const table of tables) {
    const reason = foreignReason(table, await columnsOf(table.name));
    if (reason !== undefined) foreign.push(reason);
  }
  if (foreign.length === 0) return;
  throw new ConfigurationError(
    `${label} holds tables of another program, which were left unchanged: ${foreign.join('; ')}. Name another database in ` +
      'sql_strategy.name. To upgrade this one anyway, first move unknown columns to a table of their own.',
  );
}
