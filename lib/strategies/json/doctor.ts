/** `hfstorage doctor` for the JSON store. */
import { constants, existsSync } from 'node:fs';
import { access, statfs } from 'node:fs/promises';
import type { JsonStrategyConfig } from '../../config/json-strategy.ts';
import { StorageError } from '../../repository/errors.ts';
import type { Finding } from '../../repository/finding.ts';
import type { FileManager } from './file-manager.ts';
import { type Inspection, inspect } from './inspection.ts';
import { type Layout, layoutOf } from './layout.ts';
import { openLocation } from './location.ts';
import { needsRepair, repair } from './repair.ts';
import { CUT_OFF } from './repair-findings.ts';
import { gzipSerializer, plainSerializer } from './serializer.ts';

/** Free space below which compacting the journal, which rewrites the data files, may fail. */
const spaceNeeded = (dataBytes: number): number => 3 * dataBytes + 10_000_000;

/**
 * Checks everything that SPEC.md's troubleshooting checks by hand: permissions, valid JSON, disk space; also the journal and
 * the backups.
 * @param options.repair rebuilds what is damaged, under the write lock
 */
export async function* diagnoseJson(
  config: JsonStrategyConfig,
  options: { readonly repair: boolean },
): AsyncGenerator<Finding> {
  const layout = layoutOf(config);
  const { files, locks } = await openLocation(config);
  try {
    if (files.exclusive) {
      const finding = await inspectFolder(config.base_path);
      yield finding;
      if (finding.level === 'error' || !existsSync(config.base_path)) return;
    } else {
      await files.prepare();
    }
    const inspection = await inspect(files, layout);
    yield* describe(files, inspection);
    if (files.exclusive) yield* inspectSpace(config.base_path, inspection);
    yield* describeLeftovers(files, layout);
    if (!options.repair || !needsRepair(inspection)) return;
    const serializer = config.enable_compression ? gzipSerializer : plainSerializer;
    yield* await locks.write(async () => {
      // Another process may have written before the lock was taken.
      const now = await inspect(files, layout);
      return needsRepair(now) ? repair(files, layout, serializer, now) : [];
    });
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    yield { level: 'error', subject: files.describe(''), message: error.message };
  } finally {
    locks.close();
  }
}

async function inspectFolder(folder: string): Promise<Finding> {
  try {
    await access(folder, constants.R_OK | constants.W_OK | constants.X_OK);
    return { level: 'ok', subject: folder, message: 'The folder can be read and written.' };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') {
      return { level: 'ok', subject: folder, message: 'The folder does not exist yet; opening the store creates it.' };
    }
    const remedy = `Give the user of this process access: chown or chmod u+rwx ${folder}, or mount it for writing.`;
    return { level: 'error', subject: folder, message: 'The folder cannot be read and written.', remedy };
  }
}

async function* inspectSpace(folder: string, { files }: Inspection): AsyncGenerator<Finding> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  const needed = spaceNeeded(files.reduce((sum, { current }) => sum + (current.identity?.bytes ?? 0), 0));
  const message = `${Math.floor(free / 1e6)} MB of disk space are free; ${Math.ceil(needed / 1e6)} MB are advisable.`;
  if (free >= needed) yield { level: 'ok', subject: folder, message };
  else yield { level: 'warning', subject: folder, message, remedy: 'Free some disk space, or move base_path.' };
}

const REPAIR = 'Stop the service, copy the folder, then run `hfstorage doctor --repair`.';

function* describe(files: FileManager, inspection: Inspection): Generator<Finding> {
  const { files: inspected, unrelated, gone } = inspection;
  for (const { current, backup } of inspected) {
    const subject = files.describe(current.name);
    if (current.fault !== undefined) {
      const usable = backup.parse === undefined ? 'It has no usable backup.' : `Its backup ${backup.name} is sound.`;
      yield { level: 'error', subject, message: `It cannot be read: ${current.fault}. ${usable}`, remedy: REPAIR };
    } else if (gone.includes(current.name)) {
      const state = current.identity === null ? 'missing' : 'empty';
      yield { level: 'error', subject, message: `It is ${state}, although it was written before.`, remedy: REPAIR };
    } else if (current.identity !== null) {
      yield { level: 'ok', subject, message: `Valid JSON, ${current.identity.bytes} bytes.` };
    } else {
      yield { level: 'ok', subject, message: 'Not written yet.' };
    }
    if (backup.fault !== undefined) {
      const message = `The backup cannot be read: ${backup.fault}. The next compaction replaces it.`;
      yield { level: 'warning', subject: files.describe(backup.name), message };
    }
  }
  yield describeJournal(files, inspection);
  for (const { name, fault } of unrelated) {
    if (fault !== undefined) continue;
    const message = 'It was replaced or edited while commits were waiting in the journal.';
    const remedy = `${REPAIR} It applies the waiting commits to it; to drop them instead, first move the journal and its .bak away.`;
    yield { level: 'error', subject: files.describe(name), message, remedy };
  }
}

function describeJournal(files: FileManager, { journal, gone }: Inspection): Finding {
  const subject = files.describe(journal.name);
  const waiting = `${journal.records.length} commits wait to be compacted into the data files`;
  switch (journal.state) {
    case 'missing':
      if (gone.includes(journal.name)) {
        const message =
          'It is missing, although files beside it show that it existed. Saves that waited in it are missing.';
        return { level: 'error', subject, message, remedy: `Put it back. If that is impossible: ${REPAIR}` };
      }
      return { level: 'ok', subject, message: 'There is no journal; nothing waits.' };
    case 'sound':
      return { level: 'ok', subject, message: `${waiting}.` };
    case 'torn': {
      const remedy = 'After a crash nothing has to be done: the next save sets the rest aside.';
      return { level: 'warning', subject, message: `${waiting}. ${CUT_OFF}`, remedy };
    }
    case 'damaged': {
      const message = `It is damaged after ${journal.records.length} commits; ${journal.beyond.length} readable ones follow.`;
      return { level: 'error', subject, message, remedy: REPAIR };
    }
    case 'headless': {
      const message = `Its beginning cannot be read; ${journal.beyond.length} readable commits follow.`;
      return { level: 'error', subject, message, remedy: REPAIR };
    }
  }
}

async function* describeLeftovers(files: FileManager, layout: Layout): AsyncGenerator<Finding> {
  const names = [...layout.files.map(({ name }) => name), layout.journal];
  for (const name of names) {
    for (const found of await files.list(name)) {
      const rest = found.slice(name.length).replace(/^\.bak/, '');
      const kind = /^\.(tmp|torn|damaged|edited)-/.exec(rest)?.[1];
      if (kind === undefined) continue;
      const message = leftovers[kind as keyof typeof leftovers];
      yield { level: 'warning', subject: files.describe(found), message, remedy: 'Inspect it, then delete it.' };
    }
  }
}

const leftovers = {
  tmp: 'A process that was killed left this file behind.',
  torn: `The end of a journal, set aside so that nothing is lost. ${CUT_OFF}`,
  damaged: 'Set aside by a repair so that nothing is lost.',
  edited: 'Set aside because another program had edited it, so that nothing is lost.',
};
