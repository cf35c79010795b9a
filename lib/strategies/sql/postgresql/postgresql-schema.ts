import { type Column, quoted } from '../schema.ts';
import { columnsByIndex, type SchemaDialect } from '../schema-migrations.ts';
import { postgresqlDialect } from './postgresql-dialect.ts';

/** The type that a column must get, and the expression that converts its values; undefined if it has the right type. */
function conversion({ name, kind }: Column, type: string, collation?: string): [string, string] | undefined {
  const column = quoted(name);
  switch (kind) {
    case 'integer':
      return type === 'integer' ? undefined : ['INTEGER', `${column}::integer`];
    case 'timestamp':
      if (type === 'timestamp(3) without time zone') return undefined;
      return [
        'TIMESTAMP(3)',
        type.endsWith('with time zone') ? `${column} AT TIME ZONE 'UTC'` : `${column}::timestamp`,
      ];
    case 'json':
    case 'text': {
      const isText = type === 'text' || type.startsWith('character varying');
      if (isText && collation === 'C') return undefined;
      // Its own length stays: values must not be truncated.
      return [`${isText ? type : 'TEXT'} COLLATE "C"`, isText ? column : `${column}::text`];
    }
  }
}

export const postgresqlSchema: SchemaDialect = {
  addsColumnsWithTime: true,
  columnsOf: async (session, table) => {
    const rows = await session.run(
      'SELECT a.attname::text, format_type(a.atttypid, a.atttypmod), c.collname::text, ' +
        "(a.attnotnull AND NOT a.atthasdef AND a.attidentity = '')::integer FROM pg_attribute a " +
        'LEFT JOIN pg_collation c ON c.oid = a.attcollation ' +
        "WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''",
      [quoted(table)],
    );
    return rows.map(([name, type, collation, required]) => ({
      name: String(name),
      type: String(type),
      collation: collation === null ? undefined : String(collation),
      required: required === 1,
    }));
  },
  indexesOf: async (session, table) => {
    const rows = await session.run(
      'SELECT c.relname::text, a.attname::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid ' +
        'JOIN pg_attribute a ON a.attrelid = c.oid ' +
        'WHERE i.indrelid = to_regclass($1) AND i.indisvalid ORDER BY c.relname, a.attnum',
      [quoted(table)],
    );
    return columnsByIndex(rows);
  },
  adapt: (table, column, existing) => {
    const found = conversion(column, existing.type, existing.collation);
    if (found === undefined) return [];
    const [type, using] = found;
    const alter = `ALTER TABLE ${quoted(table.name)} ALTER COLUMN ${quoted(column.name)}`;
    const statements = [`${alter} TYPE ${type} USING ${using}`];
    // A default of another type may have no cast to the new one; a text default stays.
    if (existing.collation === undefined) statements.unshift(`${alter} DROP DEFAULT`);
    // The former default uses the time zone of the inserting session.
    if (column.default === 'now') statements.push(`${alter} SET DEFAULT ${postgresqlDialect.now}`);
    return statements;
  },
};
