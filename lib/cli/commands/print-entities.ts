import type { CollectionName } from '../../model/collections.ts';
import type { Entity } from '../../model/entities.ts';
import type { Output } from '../output.ts';
import { counted, entityTable } from '../tables.ts';

/** Prints entities as a table, with a note if the terminal is too narrow for all columns. */
export async function printEntities(
  output: Output,
  collection: CollectionName,
  entities: readonly Entity[],
): Promise<void> {
  if (entities.length === 0) return output.note(`No ${collection}.`);
  const { head, rows, hidden } = entityTable(collection, entities, output.terminalWidth);
  await output.table(head, rows);
  if (hidden > 0) output.note(`${counted(hidden, 'more column')} did not fit; a wider terminal or --json shows all.`);
}
