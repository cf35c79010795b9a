import type { Command } from 'commander';
import type { CollectionName } from '../../model/collections.ts';
import { checkCount } from '../../repository/check-query.ts';
import { countOptions } from '../../service/http/query-parameters.ts';
import { collectionArgument, filterOption } from '../arguments.ts';
import { asUsage, parametersOf } from '../query-flags.ts';
import type { Session } from '../session.ts';
import { displayText } from '../tables.ts';

interface CountFlags {
  readonly filter: readonly string[];
  readonly groupBy?: string;
}

export function addCountCommand(program: Command, session: Session): void {
  program
    .command('count')
    .description('Count entities.')
    .addArgument(collectionArgument())
    .addOption(filterOption())
    .option('--group-by <field>', 'one count for each value of a field')
    .action((collection: CollectionName, flags: CountFlags) => count(session, collection, flags));
}

async function count(session: Session, collection: CollectionName, { filter, groupBy }: CountFlags): Promise<void> {
  const { output } = session;
  const options = asUsage(() => {
    const read = countOptions(collection, parametersOf(filter, { group_by: groupBy }));
    checkCount(collection, read);
    return read;
  });
  await using repository = await session.openRepository();
  const { count: total, groups } = await repository.countEntities(collection, options);
  if (output.json) return output.value({ count: total, groups });
  if (groups === undefined || groupBy === undefined) return output.line(String(total));
  const rows = Object.entries(groups)
    .sort(([, a], [, b]) => b - a)
    .map(([value, n]) => [displayText(value), String(n)]);
  await output.table([groupBy, 'count'], [...rows, ['all', String(total)]]);
}
