/** Requested backups that do not exist yet: one file each, so that a restart loses none. */
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseJson } from '../model/parse-json.ts';
import { giveTo, ownerOf, PRIVATE_FILE, PRIVATE_FOLDER, realPathOf } from '../objects/file-owner.ts';

export interface BackupRequest {
  readonly id: string;
  readonly requested_at: string;
  /** Why it failed; it is not retried automatically. */
  readonly failure?: string;
}

const ENDING = '.backup.json';

export class BackupRequests {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
  }

  all(): BackupRequest[] {
    try {
      const names = readdirSync(this.#folder).filter((name) => name.endsWith(ENDING));
      return names.map((name) => parseJson(readFileSync(join(this.#folder, name), 'utf8')) as BackupRequest);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
      throw error;
    }
  }

  /** Writes atomically. */
  put(request: BackupRequest): void {
    mkdirSync(this.#folder, { recursive: true, mode: PRIVATE_FOLDER });
    const path = realPathOf(this.#path(request.id));
    const owner = ownerOf(path);
    writeFileSync(`${path}.new`, JSON.stringify(request), { mode: PRIVATE_FILE, flush: true });
    if (owner !== undefined) giveTo(owner, `${path}.new`, path);
    renameSync(`${path}.new`, path);
  }

  remove(id: string): void {
    rmSync(this.#path(id), { force: true });
  }

  #path(id: string): string {
    return join(this.#folder, id + ENDING);
  }
}
