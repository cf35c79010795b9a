import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { BackupError } from '../../repository/errors.ts';
import type { NativeCopy, NativeCopyOptions } from '../../repository/native-copy.ts';
import { fileText, type Layout, layoutOf } from './layout.ts';
import { applyRecord, type LoadedFiles, loadFiles } from './load-files.ts';
import { openLocation, type Place } from './location.ts';
import { gzipSerializer, plainSerializer } from './serializer.ts';

/**
 * Writes the data files as they would be with the journal compacted in at this moment: what SPEC.md does with `cp`, which by
 * itself would miss the journal. Reads only; others may go on writing.
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

async function load(files: Place['files'], layout: Layout, cacheSize: number): Promise<LoadedFiles> {
  const journal = files.journal(layout.journal);
  try {
    return await loadFiles(files, layout, journal, cacheSize);
  } finally {
    await journal.close();
  }
}
