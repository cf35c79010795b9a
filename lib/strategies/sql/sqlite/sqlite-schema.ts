import { type Column, quoted, type Table } from '../schema.ts';
import { columnsByIndex, type SchemaDialect } from '../schema-migrations.ts';

/** Text that begins like a date. SQLite would also read `now` as a time, and `12:00` as one in the year 2000. */
const DATE = "'[0-9][0-9][0-9][0-9]-[0-9][0-9]-[0-9][0-9]*'";

/**
 * Converts timestamps to the one form in which they sort as text: UTC, with milliseconds. Text that SQLite cannot read as
 * a time stays unchanged.
 */
function normalizeTimes({ name: table }: Table, { name }: Column): string {
  const column = quoted(name);
  const normal = `strftime('%Y-%m-%dT%H:%M:%fZ', ${column})`;
  return (
    `UPDATE ${quoted(table)} SET ${column} = ${normal} ` +
    `WHERE typeof(${column}) = 'text' AND ${column} GLOB ${DATE} AND ${normal} IS NOT NULL AND ${column} IS NOT ${normal}`
  );
}

export const sqliteSchema: SchemaDialect = {
  addsColumnsWithTime: false,
  columnsOf: async (session, table) =>
    (await session.run('SELECT name, type, "notnull" AND dflt_value IS NULL FROM pragma_table_info(?1)', [table])).map(
      ([name, type, required]) => ({ name: String(name), type: String(type), required: required === 1 }),
    ),
  indexesOf: async (session, table) => {
    const rows = await session.run(
      'SELECT list.name, info.name FROM pragma_index_list(?1) AS list, pragma_index_info(list.name) AS info ' +
        'ORDER BY list.name, info.seqno',
      [table],
    );
    return columnsByIndex(rows);
  },
  // SQLite does not enforce the types of columns; only the format of timestamps matters.
  adapt: (table, column) => (column.kind === 'timestamp' ? [normalizeTimes(table, column)] : []),
};
