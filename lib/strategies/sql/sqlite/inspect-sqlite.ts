import { statSync } from 'node:fs';
import { stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Inspector } from '../inspector.ts';

/** How many problems of SQLite's own check are named. */
const MAX_PROBLEMS = 5;
const ADVISABLE_FREE_BYTES = 100_000_000;

const sizeOf = (path: string): number => statSync(path, { throwIfNoEntry: false })?.size ?? 0;

const isMissing = (path: string): Promise<boolean> =>
  stat(path).then(
    () => false,
    (error: NodeJS.ErrnoException) => error.code === 'ENOENT',
  );

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export const sqliteInspector: Inspector = {
  async *before({ name }) {
    // Opening the file reports any other problem with the path.
    if (!(await isMissing(name))) return;
    yield {
      level: 'ok',
      subject: name,
      message: 'The file does not exist yet; opening the store creates it.',
      final: true,
    };
  },

  async *opened(database, { name }) {
    const start = performance.now();
    const [[version] = []] = await database.reading.run('SELECT sqlite_version()');
    const took = (performance.now() - start).toFixed(1);
    yield { level: 'ok', subject: name, message: `SQLite ${version} answered in ${took} ms.` };
    const wal = sizeOf(`${name}-wal`);
    yield {
      level: 'ok',
      subject: name,
      message: `The database takes ${megabytes(sizeOf(name))}, and its write-ahead log ${megabytes(wal)}.`,
    };
    const { bavail, bsize } = await statfs(dirname(name));
    const free = bavail * bsize;
    const needed = Math.max(ADVISABLE_FREE_BYTES, sizeOf(name));
    const message = `${megabytes(free)} of disk space are free; ${megabytes(needed)} are advisable.`;
    if (free >= needed) yield { level: 'ok', subject: name, message };
    else yield { level: 'warning', subject: name, message, remedy: 'Free some disk space, or move the file.' };
    const problems = (await database.reading.run(`PRAGMA quick_check(${MAX_PROBLEMS})`)).map(([problem]) => problem);
    if (problems[0] === 'ok')
      yield { level: 'ok', subject: name, message: 'SQLite finds the file sound (quick_check).' };
    else {
      yield {
        level: 'error',
        subject: name,
        message: `SQLite finds the file damaged: ${problems.join('; ')}.`,
        remedy: 'Stop the service, keep a copy of the file, and restore a backup.',
      };
    }
  },
};
