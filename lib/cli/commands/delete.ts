import type { Command } from 'commander';
import type { CollectionName } from '../../model/collections.ts';
import { collectionArgument, expectedVersionOption } from '../arguments.ts';
import type { Session } from '../session.ts';

export function addDeleteCommand(program: Command, session: Session): void {
  program
    .command('delete')
    .description('Delete an entity.')
    .addArgument(collectionArgument())
    .argument('<id>', 'id of the entity')
    .addOption(expectedVersionOption('delete only this version'))
    .action(async (collection: CollectionName, id: string, { expectedVersion }: { expectedVersion?: number }) => {
      const { output } = session;
      await using repository = await session.openRepository();
      await repository.deleteEntity(collection, id, expectedVersion === undefined ? {} : { expectedVersion });
      if (output.json) await output.value({ collection, id, deleted: true });
      else await output.line(`Deleted ${collection} ${JSON.stringify(id)}.`);
    });
}
