import { join } from 'node:path';
import { type FileOwner, giveTo, ownerOf, requireMayKeep } from '../../objects/file-owner.ts';
import { asStorageError } from './faults.ts';

/** Which mode and owner the files of a store have, in a folder of the local disk. */
export class FileOwners {
  readonly #folder: string;
  readonly #models: readonly string[];

  /** @param models names of the files whose mode and owner those have that are made beside them, the first ones before */
  constructor(folder: string, models: readonly string[]) {
    this.#folder = folder;
    this.#models = models;
  }

  /** For a file: those of the data file that it belongs to, else of another file of the store; undefined for the first file. */
  for(name: string): FileOwner | undefined {
    const own = this.#models.filter((model) => name === model || name.startsWith(`${model}.`));
    for (const model of [...own, ...this.#models, name]) {
      const owner = ownerOf(join(this.#folder, model));
      if (owner !== undefined) return owner;
    }
    return undefined;
  }

  /** Gives a new file what the file of this name has, or is to have. */
  adopt(path: string, name: string): void {
    const owner = this.for(name);
    if (owner !== undefined) giveTo(owner, path, join(this.#folder, name));
  }

  /**
   * Proves that this process may write the files anew.
   * @throws StorageUnavailableError naming the one that it may not
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
