import type { Command } from 'commander';
import type { CollectionName } from '../../model/collections.ts';
import type { EntityChanges } from '../../model/entities.ts';
import { isPlainObject } from '../../model/json-values.ts';
import { collect, collectionArgument, expectedVersionOption } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import { changesOf } from '../field-values.ts';
import type { Session } from '../session.ts';
import { entityLines } from '../tables.ts';

interface UpdateOptions {
  readonly set: readonly string[];
  readonly unset: readonly string[];
  readonly expectedVersion?: number;
}

export function addUpdateCommand(program: Command, session: Session): void {
  program
    .command('update')
    .description('Replace some fields of an entity; null removes a field.')
    .addArgument(collectionArgument())
    .argument('<id>', 'id of the entity')
    .argument('[changes]', 'fields as a JSON object, @file, or - for standard input')
    .option('--set <field=value>', 'set one field; lists and objects as JSON; may be repeated', collect, [])
    .option('--unset <field>', 'remove one field; may be repeated', collect, [])
    .addOption(expectedVersionOption('update only this version'))
    .action((collection: CollectionName, id: string, argument: string | undefined, options: UpdateOptions) =>
      update(session, collection, id, argument, options),
    );
}

async function update(
  session: Session,
  collection: CollectionName,
  id: string,
  argument: string | undefined,
  { set, unset, expectedVersion }: UpdateOptions,
): Promise<void> {
  const fields = changesOf(collection, set, unset);
  const given = argument === undefined ? {} : await session.readJsonArgument(argument);
  if (!isPlainObject(given)) throw new UsageError('The changes must be a JSON object of fields.');
  const changes = { ...given, ...fields } as EntityChanges<CollectionName>;
  if (Object.keys(changes).length === 0) {
    throw new UsageError(
      'There is nothing to change: give a JSON object of fields, --set field=value or --unset field.',
    );
  }
  await using repository = await session.openRepository();
  const options = expectedVersion === undefined ? {} : { expectedVersion };
  const updated = await repository.updateEntity(collection, id, changes, options);
  const { output } = session;
  await (output.json ? output.value(updated) : output.line(entityLines(collection, updated)));
}
