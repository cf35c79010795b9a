/** What a piece of long work has done: small JSON objects by name, from which whoever goes on with it knows where. */
import { parseJson } from '../model/parse-json.ts';
import { decodeUtf8 } from '../model/utf8.ts';
import { type Location, readWhole } from '../objects/location.ts';
import { MigrationError } from '../repository/errors.ts';

export interface WorkState {
  /** @returns undefined if there is no such object */
  read<T>(name: string): Promise<T | undefined>;
  /** Stores an object durably, in place of one of the same name. */
  write(name: string, value: unknown): Promise<void>;
  /** Stores an object unless there is one. @returns whether this call created it */
  create(name: string, value: unknown): Promise<boolean>;
  /** Removes all objects. */
  clear(): Promise<void>;
}

/** State in a folder of a location, which outlives its process. */
export class StoredState implements WorkState {
  readonly #location: Location;
  readonly #folder: string;

  /** @param folder of all that belongs to one piece of work, such as `migrations/m-1` */
  constructor(location: Location, folder: string) {
    this.#location = location;
    this.#folder = folder;
  }

  async read<T>(name: string): Promise<T | undefined> {
    const bytes = await readWhole(this.#location, this.#path(name));
    try {
      return bytes === undefined ? undefined : (parseJson(decodeUtf8(bytes)) as T);
    } catch (cause) {
      // Objects are written whole: somebody or something else has changed it.
      throw new MigrationError(
        `${this.#location.text.replace(/\/*$/, '/')}${this.#path(name)} is damaged: another program has changed it. Restore it, or move its folder away and begin anew.`,
        { cause },
      );
    }
  }

  async write(name: string, value: unknown): Promise<void> {
    await this.#location.write(this.#path(name), Buffer.from(JSON.stringify(value)));
  }

  create(name: string, value: unknown): Promise<boolean> {
    return this.#location.create(this.#path(name), Buffer.from(JSON.stringify(value)));
  }

  async clear(): Promise<void> {
    const objects = await this.#location.listDeep(this.#folder);
    await this.#location.remove(objects.map(({ name }) => name));
  }

  #path(name: string): string {
    return `${this.#folder}/${name}.json`;
  }
}

/** State of work that begins anew if its process ends. */
export class MemoryState implements WorkState {
  readonly #objects = new Map<string, unknown>();

  async read<T>(name: string): Promise<T | undefined> {
    return this.#objects.get(name) as T | undefined;
  }

  async write(name: string, value: unknown): Promise<void> {
    this.#objects.set(name, value);
  }

  async create(name: string, value: unknown): Promise<boolean> {
    if (this.#objects.has(name)) return false;
    this.#objects.set(name, value);
    return true;
  }

  async clear(): Promise<void> {
    this.#objects.clear();
  }
}
