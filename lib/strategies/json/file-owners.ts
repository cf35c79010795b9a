import { join } from 'node:path';
import { type FileOwner, giveTo, ownerOf, requireMayKeep } from '../../objects/file-owner.ts';
import { asStorageError } from './faults.ts';

/** Which mode and owner the files of a store have, in a folder of the local disk. */
export class FileOwners {
  readonly #folder: string;
  readonly #models: readonly string[];

  /** @param models names of the files from which new files take their mode and owner, in order of preference */
  constructor(folder: string, models: readonly string[]) {
    this.#folder = folder;
    this.#models = models;
  }

  /** The owner of the data file that a file belongs to, else of another file of the store; undefined for the first file. */
  for(name: string): FileOwner | undefined {
    const own = this.#models.filter((model) => name === model || name.startsWith(`${model}.`));
    for (const model of [...own, ...this.#models, name]) {
      const owner = ownerOf(join(this.#folder, model));
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  /** Gives a new file the mode and owner that the file of this name has, or should have. */
  adopt(path: string, name: string): void {
    const owner = this.for(name);
    if (owner !== undefined) giveTo(owner, path, join(this.#folder, name));
  }

  /**
   * Checks that this process may replace the files without changing their owner.
   * @throws StorageUnavailableError naming the file that it may not replace
   */
  requireMayKeep(): void {
    for (const model of this.#models) {
      const path = join(this.#folder, model);
      try {
        const owner = ownerOf(path);
        if (owner !== undefined) requireMayKeep(owner, path);
      } catch (error) {
        throw asStorageError(error, 'write', path);
      }
    }
  }
}
