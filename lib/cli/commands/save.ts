import type { Command } from 'commander';
import type { CollectionName } from '../../model/collections.ts';
import type { EntityInput } from '../../model/entities.ts';
import { MAX_BATCH_ENTITIES } from '../../model/limits.ts';
import type { BatchSaveResult } from '../../repository/repository.ts';
import { collectionArgument, expectedVersionOption } from '../arguments.ts';
import { UsageError } from '../failures.ts';
import type { Session } from '../session.ts';
import { entityLines } from '../tables.ts';

type Input = EntityInput<CollectionName>;

export function addSaveCommand(program: Command, session: Session): void {
  program
    .command('save')
    .description('Create or replace an entity, or each entity of a list.')
    .addArgument(collectionArgument())
    .argument('[entity]', 'JSON text, @file, or - for standard input; a JSON list saves a batch', '-')
    .addOption(expectedVersionOption('replace only this version; 0: only create'))
    .action(async (collection: CollectionName, argument: string, options: { expectedVersion?: number }) => {
      const input = await session.readJsonArgument(argument);
      if (!Array.isArray(input)) return saveOne(session, collection, input as Input, options.expectedVersion);
      if (options.expectedVersion === undefined) return saveBatch(session, collection, input as Input[]);
      throw new UsageError('--expected-version is for one entity; in a list, give each entity its own "version".');
    });
}

async function saveOne(
  session: Session,
  collection: CollectionName,
  entity: Input,
  expectedVersion: number | undefined,
): Promise<void> {
  await using repository = await session.openRepository();
  const saved = await repository.saveEntity(
    collection,
    entity,
    expectedVersion === undefined ? {} : { expectedVersion },
  );
  const { output } = session;
  await (output.json ? output.value(saved) : output.line(entityLines(collection, saved)));
}

async function saveBatch(session: Session, collection: CollectionName, entities: readonly Input[]): Promise<void> {
  const { output } = session;
  await using repository = await session.openRepository();
  const results: BatchSaveResult<CollectionName>[] = [];
  for (let start = 0; start < entities.length; start += MAX_BATCH_ENTITIES) {
    const batch = entities.slice(start, start + MAX_BATCH_ENTITIES);
    results.push(...(await repository.saveEntities(collection, batch)));
  }
  for (const [i, result] of results.entries()) {
    if (result.status === 'saved') continue;
    const name = result.id === undefined ? `item ${i}` : `item ${i} (${JSON.stringify(result.id)})`;
    session.itemFailed(`${collection} ${name} was not saved: ${result.error.message}`);
  }
  if (output.json) return output.value({ results: results.map(resultForPrograms) });
  const saved = results.filter(({ status }) => status === 'saved').length;
  await output.line(`Saved ${saved} of ${results.length} ${collection}.`);
}

/** In the shape of the HTTP API's batch save. */
const resultForPrograms = (result: BatchSaveResult<CollectionName>): object =>
  result.status === 'saved'
    ? { id: result.id, status: result.status, version: result.entity.version }
    : {
        id: result.id ?? null,
        status: result.status,
        problem: { code: result.error.code, detail: result.error.message },
      };
