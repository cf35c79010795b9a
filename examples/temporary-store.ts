/** A JSON store in its own temporary folder, so that the examples leave nothing behind. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openRepository, type Repository } from '../lib/library.ts';

/** Opens a store, passes it to `use`, and removes it afterwards. */
export async function withTemporaryStore(use: (repository: Repository) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-example-'));
  try {
    await using repository = await openRepository({
      storage: { strategy: 'json', json_strategy: { base_path: folder } },
    });
    await use(repository);
  } finally {
    await rm(folder, { recursive: true });
  }
}
