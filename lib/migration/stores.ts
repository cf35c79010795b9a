/** Which stores a migration is between: by type, from the sections of a configuration. */
import type { Config } from '../config/configuration.ts';
import { parseConfig } from '../config/parse-config.ts';
import { storeLocation } from '../config/store-location.ts';
import { MigrationError } from '../repository/errors.ts';
import type { StorageRepository } from '../repository/storage-repository.ts';
import { openRepository } from '../strategies/open-repository.ts';

export const storeTypes = ['json', 'sql', 'sqlite', 'postgresql', 'dynamodb'] as const;
export type StoreType = (typeof storeTypes)[number];

/** A store that takes part in a migration. */
export interface MigrationStore {
  readonly repository: StorageRepository;
  /** Where it is, without secrets: see `storeLocation`. */
  readonly place: string;
  readonly enforceReferences: boolean;
  readonly storage: Config['storage'];
}

/**
 * The storage section that opens the store of a type.
 * @throws MigrationError where the configuration describes another one
 */
export function storageOf(config: Config, type: StoreType, option: string): Config['storage'] {
  const strategy = type === 'sqlite' || type === 'postgresql' ? 'sql' : type;
  if (strategy === 'sql' && type !== 'sql' && config.storage.sql_strategy.type !== type) {
    throw new MigrationError(
      `storage.sql_strategy describes a database of type ${config.storage.sql_strategy.type}, not ${type}. Name a ` +
        `configuration file that describes the ${type} database with ${option}.`,
    );
  }
  // What was just copied must be seen when it is compared.
  const dynamodb_strategy = { ...config.storage.dynamodb_strategy, consistent_reads: true };
  return { ...config.storage, strategy, dynamodb_strategy };
}

/** @throws MigrationError where both are the same data */
export function requireDifferent(source: Config['storage'], target: Config['storage']): void {
  const place = storeLocation(source);
  if (place !== storeLocation(target)) return;
  throw new MigrationError(
    `Source and target are the same store: ${place}. Name another with --target-type, or a configuration file that ` +
      'describes it with --target-config.',
  );
}

/**
 * Opens one side of a migration.
 * @throws MigrationError that says which side, with the cause in its message
 */
export async function openStore(side: 'source' | 'target', storage: Config['storage']): Promise<MigrationStore> {
  const place = storeLocation(storage);
  try {
    const repository = await openRepository(parseConfig({ storage }));
    return { repository, place, enforceReferences: storage.enforce_references, storage };
  } catch (error) {
    throw new MigrationError(`The ${side}, ${place}, cannot be opened. ${(error as Error).message}`, { cause: error });
  }
}
