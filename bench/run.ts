/** `npm run bench [json|sql|dynamodb|migration|cold-start]`: the benchmarks, each with a target ratio. Exits with 1 if one is missed. */
import { benchColdStart } from './cold-start.ts';
import { benchDynamodbStore } from './dynamodb-store.ts';
import { benchJsonStore } from './json-store.ts';
import { type Result, report } from './measure.ts';
import { benchMigration } from './migration.ts';
import { benchSqlStore } from './sql-store.ts';

const benchmarks: Readonly<Record<string, () => Promise<Result[]>>> = {
  json: benchJsonStore,
  sql: benchSqlStore,
  dynamodb: benchDynamodbStore,
  migration: benchMigration,
  'cold-start': benchColdStart,
};

const [wanted] = process.argv.slice(2);
const results: Result[] = [];
for (const [name, bench] of Object.entries(benchmarks)) {
  if (wanted === undefined || wanted === name) results.push(...(await bench()));
}
process.exitCode = report(results) ? 0 : 1;
