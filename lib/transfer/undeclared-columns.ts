/** Columns of a store that no copy of its entities holds. */
import { ConfigurationError } from '../repository/errors.ts';
import type { StorageStrategy, UndeclaredColumn } from '../repository/storage-strategy.ts';

/** Columns that are named in a message. */
const MOST_NAMED = 10;

/** Such as `requests.cost_center, machines.owner`. */
export function columnsText(columns: readonly UndeclaredColumn[]): string {
  const more = columns.length - MOST_NAMED;
  const names = columns.slice(0, MOST_NAMED).map(({ table, column }) => `${table}.${column}`);
  return `${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Why a store is not copied that has such columns, and what to do. */
export const notCopiedText = (columns: readonly UndeclaredColumn[]): string =>
  `it has columns that this program does not know, and that no copy would hold: ${columnsText(columns)}. Move what they ` +
  'hold into fields of the entities or into a table of its own, then drop them; a native backup holds them as they are.';

/** @throws ConfigurationError where a portable backup of a store would not hold all that is in it */
export async function requireAllDeclared(
  strategy: Pick<StorageStrategy, 'undeclaredColumns'>,
  place: string,
): Promise<void> {
  const columns = (await strategy.undeclaredColumns?.()) ?? [];
  if (columns.length === 0) return;
  throw new ConfigurationError(`The store, ${place}, is not backed up: ${notCopiedText(columns)}`);
}
