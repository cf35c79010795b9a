/** The catalog of a database. */
import type { DatabaseKind, RawRow, TestDatabase } from './databases.ts';

type Name = DatabaseKind['name'];

// pg_dump and the sqlite3 shell are not available everywhere; these queries return the same about tables, indexes and constraints.
const everything: Readonly<Record<Name, readonly string[]>> = {
  sqlite: ['SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY type, name'],
  postgresql: [
    'SELECT attrelid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, collname, ' +
      'pg_get_expr(adbin, adrelid) FROM pg_attribute LEFT JOIN pg_collation c ON c.oid = attcollation ' +
      'LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum JOIN pg_class t ON t.oid = attrelid ' +
      "WHERE relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped ORDER BY attrelid::regclass::text, attnum",
    'SELECT conrelid::regclass, conname, convalidated, pg_get_constraintdef(oid) FROM pg_constraint ' +
      "WHERE connamespace = 'public'::regnamespace ORDER BY conrelid::regclass::text, conname",
    "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY indexname",
  ],
};

/** Everything in a schema, to compare with its later state. */
export async function schemaOf(name: Name, database: TestDatabase): Promise<RawRow[]> {
  const rows: RawRow[] = [];
  for (const query of everything[name]) rows.push(...(await database.run(query)));
  return rows;
}

const columnQueries: Readonly<Record<Name, string>> = {
  sqlite:
    'SELECT m.name || \'.\' || c.name AS name, c.type, max(c."notnull", c.pk > 0) = 1 AS required, c.pk > 0 AS key ' +
    'FROM sqlite_master m, pragma_table_info(m.name) c',
  postgresql:
    "SELECT attrelid::regclass || '.' || attname AS name, " +
    "regexp_replace(format_type(atttypid, atttypmod), '^timestamp.*', 'timestamp') AS type, attnotnull AS required, " +
    'EXISTS (SELECT FROM pg_index WHERE indrelid = attrelid AND indisprimary AND indkey[0] = attnum) AS key ' +
    'FROM pg_attribute JOIN pg_class t ON t.oid = attrelid ' +
    "WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND attnum > 0 AND NOT attisdropped",
};

/** Every column as `table.column`, with its type, whether it is required, and whether it is the primary key. */
export async function columnsOf(name: Name, database: TestDatabase): Promise<ReadonlyMap<string, RawRow>> {
  const rows = await database.run(columnQueries[name]);
  return new Map(rows.map((row) => [String(row.name), { ...row }]));
}

const foreignKeyQueries: Readonly<Record<Name, string>> = {
  sqlite:
    'SELECT m.name || \'.\' || f."from" || \' -> \' || f."table" || \'.\' || f."to" AS key ' +
    'FROM sqlite_master m, pragma_foreign_key_list(m.name) f ORDER BY key',
  postgresql:
    "SELECT conrelid::regclass || '.' || a.attname || ' -> ' || confrelid::regclass || '.' || f.attname AS key " +
    'FROM pg_constraint JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1] ' +
    "JOIN pg_attribute f ON f.attrelid = confrelid AND f.attnum = confkey[1] WHERE contype = 'f' ORDER BY key",
};

/** Foreign keys as `requests.template_id -> templates.template_id`. */
export const foreignKeysOf = async (name: Name, database: TestDatabase): Promise<string[]> =>
  (await database.run(foreignKeyQueries[name])).map(({ key }) => String(key));
