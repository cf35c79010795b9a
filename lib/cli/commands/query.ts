import type { Command } from 'commander';
import type { CollectionName } from '../../model/collections.ts';
import { DEFAULT_PAGE_ENTITIES, MAX_PAGE_ENTITIES } from '../../model/limits.ts';
import { checkQuery } from '../../repository/check-query.ts';
import type { QueryOptions } from '../../repository/query.ts';
import type { Repository } from '../../repository/repository.ts';
import type { Explanation } from '../../repository/storage-strategy.ts';
import { queryOptions } from '../../service/http/query-parameters.ts';
import { collectionArgument, filterOption, integerBetween } from '../arguments.ts';
import type { Output } from '../output.ts';
import { asUsage, parametersOf } from '../query-flags.ts';
import type { Session } from '../session.ts';
import { printEntities } from './print-entities.ts';

interface QueryFlags {
  readonly filter: readonly string[];
  readonly orderBy?: string;
  readonly limit?: number;
  readonly cursor?: string;
  readonly all?: true;
  readonly explain?: true;
}

export function addQueryCommand(program: Command, session: Session): void {
  program
    .command('query')
    .description('List entities.')
    .addArgument(collectionArgument())
    .addOption(filterOption())
    .option('--order-by <field>', "order by a field; '-field' for descending order (default: created_at)")
    .option(
      '--limit <n>',
      `most entities per page, up to ${MAX_PAGE_ENTITIES} (default: ${DEFAULT_PAGE_ENTITIES}; with --all: ${MAX_PAGE_ENTITIES})`,
      integerBetween(1, MAX_PAGE_ENTITIES),
    )
    .option('--cursor <cursor>', 'continue where the previous page ended')
    .option('--all', 'print all pages, one after the other')
    .option('--explain', 'print which index was used, and how many entities were read')
    .action((collection: CollectionName, flags: QueryFlags) => query(session, collection, flags));
}

async function query(session: Session, collection: CollectionName, flags: QueryFlags): Promise<void> {
  const { output } = session;
  const { filter, orderBy: order_by, cursor, all = false, explain = false } = flags;
  const limit = flags.limit ?? (all ? MAX_PAGE_ENTITIES : DEFAULT_PAGE_ENTITIES);
  const options = asUsage(() => {
    const read = { ...queryOptions(collection, parametersOf(filter, { order_by, limit, cursor })), explain };
    checkQuery(collection, read);
    return read;
  });
  await using repository = await session.openRepository();
  await (all ? queryAll : queryPage)(output, repository, collection, options);
}

async function queryPage(
  output: Output,
  repository: Repository,
  collection: CollectionName,
  options: QueryOptions,
): Promise<void> {
  const { items, nextCursor, explanation } = await repository.queryEntities(collection, options);
  if (output.json) {
    return output.value({ items, next_cursor: nextCursor, explanation });
  }
  await printEntities(output, collection, items);
  if (nextCursor !== undefined) output.note(`More follow: --cursor ${nextCursor}`);
  if (explanation !== undefined) output.note(describe(explanation));
}

/** Prints page after page, so that memory does not grow with the number of entities. */
async function queryAll(
  output: Output,
  repository: Repository,
  collection: CollectionName,
  options: QueryOptions,
): Promise<void> {
  let { cursor } = options;
  let total: Explanation | undefined;
  if (output.json) await output.write('{"items":[');
  for (let first = true; first || cursor !== undefined; first = false) {
    const page = await repository.queryEntities(collection, { ...options, cursor });
    cursor = page.nextCursor;
    total = addExplanations(total, page.explanation);
    if (output.json) {
      const items = page.items.map((item) => `\n${JSON.stringify(item)}`).join(',');
      await output.write(first || items === '' ? items : `,${items}`);
    } else if (first || page.items.length > 0) {
      await printEntities(output, collection, page.items);
    }
    if (output.closed) return;
  }
  if (output.json) await output.line(`\n]${options.explain ? `,"explanation":${JSON.stringify(total)}` : ''}}`);
  else if (total !== undefined) output.note(describe(total));
}

/** The cost of all pages together. */
function addExplanations(sum: Explanation | undefined, page: Explanation | undefined): Explanation | undefined {
  if (sum === undefined || page === undefined) return page ?? sum;
  const readUnits = (sum.readUnits ?? 0) + (page.readUnits ?? 0);
  const total = { index: page.index, read: sum.read + page.read };
  return page.readUnits === undefined ? total : { ...total, readUnits };
}

const describe = ({ index, read, readUnits }: Explanation): string => {
  const answered = `Answered by ${index === 'scan' ? 'a scan of all entities' : `the index ${index}`}`;
  const cost = readUnits === undefined ? '' : `, for ${readUnits} read units`;
  return `${answered}; ${read} entities were read${cost}.`;
};
