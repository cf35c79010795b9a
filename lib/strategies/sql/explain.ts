/** Reports which index answered a query and how many rows were read, as the database itself measures it. */
import type { CollectionName } from '../../model/collections.ts';
import type { Query } from '../../repository/query.ts';
import type { Explanation } from '../../repository/storage-strategy.ts';
import { tableFor } from './schema.ts';
import type { SqlSession } from './sql-session.ts';
import type { Statements } from './statements.ts';

/** The model's name for an index of the database; any other index belongs to the primary key. */
const modelName = (collection: CollectionName, index: string): string =>
  tableFor(collection).indexes.find(({ name }) => name === index)?.modelName ?? 'id';

/** Runs the query once more, with instrumentation. */
export function explain(
  session: SqlSession,
  statements: Statements,
  collection: CollectionName,
  query: Query,
): Promise<Explanation> {
  return explainers[statements.dialect.name](session, statements, collection, query);
}

const explainers = { sqlite: explainOnSqlite, postgresql: explainOnPostgresql } as const;

/** `SEARCH requests USING INDEX requests_status_created_at_index (status=?)`, `SCAN requests`. */
const SQLITE_PLAN = /^(?:SEARCH|SCAN) (\w+)(?: USING (?:COVERING )?INDEX (\S+))?/;

/** The driver defines `visited`, which counts its calls under a name, and `visits`, which returns and resets the count. */
async function explainOnSqlite(
  session: SqlSession,
  statements: Statements,
  collection: CollectionName,
  query: Query,
): Promise<Explanation> {
  const name = crypto.randomUUID();
  const { text, values } = statements.reading(collection).page(query, {
    name,
    condition: (parameter) => `visited(${parameter})`,
  });
  const plan = await session.run(`EXPLAIN QUERY PLAN ${text}`, values);
  // The other lines describe the branches of a union, not tables.
  const steps = plan.map((row) => SQLITE_PLAN.exec(String(row.at(-1)))).filter((parts) => parts?.[1] === collection);
  await session.run(text, values);
  const [[visits] = [0]] = await session.run('SELECT visits(?1)', [name]);
  const index = steps[0]?.[2];
  return { index: index === undefined ? 'scan' : modelName(collection, index), read: Number(visits) };
}

/** A node of PostgreSQL's plan; rows are averages over the loops. */
interface PlanNode {
  readonly 'Node Type': string;
  readonly 'Index Name'?: string;
  readonly 'Relation Name'?: string;
  readonly 'Actual Rows': number;
  readonly 'Actual Loops': number;
  readonly 'Rows Removed by Filter'?: number;
  readonly 'Rows Removed by Index Recheck'?: number;
  readonly Plans?: readonly PlanNode[];
}

function* nodesOf(node: PlanNode): Generator<PlanNode> {
  yield node;
  for (const child of node.Plans ?? []) yield* nodesOf(child);
}

async function explainOnPostgresql(
  session: SqlSession,
  statements: Statements,
  collection: CollectionName,
  query: Query,
): Promise<Explanation> {
  const { text, values } = statements.reading(collection).page(query);
  const [[json] = []] = await session.run(`EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) ${text}`, values);
  const [{ Plan }] = JSON.parse(String(json)) as [{ Plan: PlanNode }];
  const nodes = [...nodesOf(Plan)];
  const rowsRead = (node: PlanNode): number =>
    (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0) + (node['Rows Removed by Index Recheck'] ?? 0)) *
    node['Actual Loops'];
  const read = nodes
    .filter((node) => node['Relation Name'] !== undefined)
    .reduce((sum, node) => sum + rowsRead(node), 0);
  const index = nodes.find((node) => node['Index Name'] !== undefined)?.['Index Name'];
  return { index: index === undefined ? 'scan' : modelName(collection, index), read: Math.round(read) };
}
