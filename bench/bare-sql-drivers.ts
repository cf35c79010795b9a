/** Bare SQLite and PostgreSQL drivers that do the work of the SQL store by hand: the same statements, the same objects. */
import { DatabaseSync } from 'node:sqlite';
import type { CustomTypesConfig, Pool } from 'pg';
import { checkQuery } from '../lib/repository/check-query.ts';
import { postgresqlDialect } from '../lib/strategies/sql/postgresql/postgresql-dialect.ts';
import { timestampOf } from '../lib/strategies/sql/postgresql/value-types.ts';
import { tableFor } from '../lib/strategies/sql/schema.ts';
import { sqliteDialect } from '../lib/strategies/sql/sqlite/sqlite-dialect.ts';
import { Statements } from '../lib/strategies/sql/statements.ts';

export const STATUSES = ['PENDING', 'RUNNING', 'COMPLETED', 'FAILED'];
/** The query that both sides run. */
export const NEWEST = { filters: { status: 'RUNNING' }, orderBy: '-created_at', limit: 50 } as const;

export const requestOf = (i: number) => ({
  request_id: `req-${String(i).padStart(8, '0')}`,
  template_id: 'template-1',
  machine_count: i % 100,
  status: STATUSES[i % STATUSES.length] as string,
  request_type: 'provision',
  tags: { team: 'risk', run: i },
  metadata: { source: 'bench' },
});

/** The four calls, written by hand. */
export interface BareDriver {
  get(id: string): Promise<unknown> | unknown;
  save(request: ReturnType<typeof requestOf>): Promise<unknown> | unknown;
  update(id: string, status: string): Promise<unknown> | unknown;
  newest(): Promise<unknown> | unknown;
}

const STATUS_COLUMN = tableFor('requests').columns.filter(({ name }) => name === 'status');
/** Maximum bytes of the other columns, which the statement checks; any number will do. */
const MAX_JSON_BYTES = 200_000;

const statementsOf = (dialect: typeof sqliteDialect) => {
  const statements = new Statements(dialect);
  const query = checkQuery('requests', NEWEST);
  return {
    one: statements.reading('requests').one,
    save: statements.writing('requests').save(true).forOne,
    update: statements.writing('requests').patch(STATUS_COLUMN, false),
    newest: statements.reading('requests').page(query),
  };
};

type Values = readonly (string | number | null)[];

/** A request from its row, as a programmer would write it. */
function requestFrom(row: Values): Record<string, unknown> {
  const [request_id, template_id, machine_count, status, request_type, completed_at, tags, metadata, ...rest] = row;
  const [created_at, updated_at, version, extra] = rest;
  const request: Record<string, unknown> = { request_id, template_id, machine_count, status, request_type };
  if (completed_at !== null) request.completed_at = completed_at;
  if (typeof tags === 'string') request.tags = JSON.parse(tags);
  if (typeof metadata === 'string') request.metadata = JSON.parse(metadata);
  Object.assign(request, { created_at, updated_at, version });
  if (typeof extra === 'string') Object.assign(request, JSON.parse(extra));
  return request;
}

const rowFrom = (request: ReturnType<typeof requestOf>, now: string): Values => [
  request.request_id,
  request.template_id,
  request.machine_count,
  request.status,
  request.request_type,
  null,
  JSON.stringify(request.tags),
  JSON.stringify(request.metadata),
  now,
  now,
  1,
  null,
];

const savedFrom = (request: ReturnType<typeof requestOf>, now: string, row: Values | undefined) => ({
  ...request,
  created_at: row?.[2],
  updated_at: now,
  version: row?.[1],
});

export function bareSqlite(path: string): BareDriver & { close(): void } {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA synchronous = FULL');
  const texts = statementsOf(sqliteDialect);
  const prepare = (text: string) => {
    const statement = database.prepare(text);
    statement.setReturnArrays(true);
    return statement;
  };
  const [one, save, update, newest] = [texts.one, texts.save, texts.update, texts.newest.text].map(prepare) as [
    ReturnType<typeof prepare>,
    ReturnType<typeof prepare>,
    ReturnType<typeof prepare>,
    ReturnType<typeof prepare>,
  ];
  const now = () => new Date().toISOString();
  return {
    get: (id) => requestFrom(one.get(id) as unknown as Values),
    save: (request) => {
      const at = now();
      return savedFrom(request, at, save.get(...rowFrom(request, at)) as unknown as Values);
    },
    update: (id, status) => requestFrom(update.get(status, now(), id, MAX_JSON_BYTES) as unknown as Values),
    newest: () => (newest.all(...(texts.newest.values as Values)) as unknown as Values[]).slice(0, 50).map(requestFrom),
    close: () => database.close(),
  };
}

export function barePostgresql(pool: Pool): BareDriver {
  const texts = statementsOf(postgresqlDialect);
  // Otherwise pg would create Date objects in the time zone of this machine.
  const types = {
    getTypeParser: (type: number) => (type === 1114 ? timestampOf : type === 23 ? Number : (text: string) => text),
  } as unknown as CustomTypesConfig;
  const run = async (name: string, text: string, values: readonly unknown[]): Promise<Values[]> =>
    (await pool.query({ name, text, values: values as unknown[], rowMode: 'array', types })).rows;
  const now = () => new Date().toISOString();
  return {
    get: async (id) => requestFrom((await run('one', texts.one, [id]))[0] as Values),
    save: async (request) => {
      const at = now();
      return savedFrom(request, at, (await run('save', texts.save, rowFrom(request, at)))[0]);
    },
    update: async (id, status) =>
      requestFrom((await run('update', texts.update, [status, now(), id, MAX_JSON_BYTES]))[0] as Values),
    newest: async () =>
      (await run('newest', texts.newest.text, texts.newest.values)).slice(0, 50).map((row) => requestFrom(row)),
  };
}
