import { loadConfig } from '../config/load-config.ts';
import type { Repository } from '../repository/repository.ts';
import { openRepository } from '../strategies/open-repository.ts';

let opened: Promise<Repository> | undefined;

/**
 * The repository of this process: opened at the first call, from the configuration that HFSTORAGE_CONFIG names, and kept for
 * the calls that follow. A failure to open is not kept.
 */
export function processRepository(): Promise<Repository> {
  opened ??= loadConfig()
    .then(openRepository)
    .catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
  return opened;
}
