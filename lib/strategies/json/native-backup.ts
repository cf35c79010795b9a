import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { BackupError } from '../../repository/errors.ts';
import type { NativeCopy, NativeCopyOptions } from '../../repository/native-copy.ts';
import { fileText, type Layout, layoutOf } from './layout.ts';
import { applyRecord, type LoadedFiles, loadFiles } from './load-files.ts';
import { type Location, openLocation } from './location.ts';
import { gzipSerializer, plainSerializer } from './serializer.ts';

/**
 * Writes the data files as a compaction at this moment would: the equivalent of SPEC.md's `cp`, which alone would miss the
 * journal. Only reads the store; others may keep writing.
 * @throws BackupError, StorageUnavailableError, StorageDamagedError
 */
export async function copyJsonFiles(
  config: JsonStrategyConfig,
  { folder, progress, signal }: NativeCopyOptions,
): Promise<NativeCopy> {
  const layout = layoutOf(config);
  const { files, locks } = await openLocation(config);
  try {
    const { tables, foreign, records, identities } = await load(files, layout, config.cache_size);
    if (records.length === 0 && Object.values(identities).every((identity) => identity === null)) {
      throw new BackupError(`There are no files to back up in ${config.base_path}. Check json_strategy.base_path.`);
    }
    for (const record of records) applyRecord(tables, record);
    const serializer = config.enable_compression ? gzipSerializer : plainSerializer;
    for (const file of layout.files) {
      const text = fileText(layout, file, tables, foreign);
      const target = createWriteStream(join(folder, file.name), { mode: 0o600 });
      await pipeline(serializer.encode(text), target, { ...(signal && { signal }) });
      progress?.('copy files', 1, layout.files.length);
    }
    return { files: layout.files.map(({ name }) => name), consistent: true };
  } catch (error) {
    signal?.throwIfAborted();
    throw error;
  } finally {
    locks.close();
  }
}

async function load(files: Location['files'], layout: Layout, cacheSize: number): Promise<LoadedFiles> {
  const journal = files.journal(layout.journal);
  try {
    return await loadFiles(files, layout, journal, cacheSize);
  } finally {
    await journal.close();
  }
}
