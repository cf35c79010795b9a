import type { Command } from 'commander';
import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import { MAX_BATCH_ENTITIES } from '../../model/limits.ts';
import { EntityNotFoundError } from '../../repository/errors.ts';
import { collectionArgument } from '../arguments.ts';
import type { Session } from '../session.ts';
import { entityLines } from '../tables.ts';
import { printEntities } from './print-entities.ts';

export function addGetCommand(program: Command, session: Session): void {
  program
    .command('get')
    .description('Show entities by id.')
    .addArgument(collectionArgument())
    .argument('<id...>', 'ids of the entities')
    .action((collection: CollectionName, ids: string[]) => get(session, collection, ids));
}

async function get(session: Session, collection: CollectionName, ids: readonly string[]): Promise<void> {
  await using repository = await session.openRepository();
  const found: Entity[] = [];
  const missing: string[] = [];
  for (let start = 0; start < ids.length; start += MAX_BATCH_ENTITIES) {
    const batch = await repository.getEntities(collection, ids.slice(start, start + MAX_BATCH_ENTITIES));
    found.push(...batch.items);
    missing.push(...batch.missing);
  }
  await print(session, collection, ids.length === 1, found);
  for (const id of missing) session.itemFailed(new EntityNotFoundError(collection, id).message);
}

async function print(session: Session, collection: CollectionName, single: boolean, found: Entity[]): Promise<void> {
  const { output } = session;
  const [entity] = found;
  if (!single) await (output.json ? output.value(found) : printEntities(output, collection, found));
  else if (entity !== undefined)
    await (output.json ? output.value(entity) : output.line(entityLines(collection, entity)));
}
