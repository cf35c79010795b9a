/** A small disk of a test's own, that can be full or read-only: a file system in memory. */
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from '@jest/globals';

// Mounting one needs root on Linux.
const canMount = process.platform === 'linux' && process.getuid?.() === 0;
export const onOwnDisk = canMount ? describe : describe.skip;

export interface OwnDisk extends AsyncDisposable {
  readonly path: string;
  /** Takes all room that is left. */
  fill(): void;
  /** Gives the room back. */
  free(): void;
  makeReadOnly(): void;
}

export async function mountDisk(megabytes: number): Promise<OwnDisk> {
  const path = await mkdtemp(join(tmpdir(), 'hfstorage-disk-'));
  const mount = (...args: string[]) => execFileSync('mount', args, { stdio: 'pipe' });
  mount('-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path);
  const filler = join(path, 'filler');
  return {
    path,
    fill() {
      const file = openSync(filler, 'a');
      const bytes = Buffer.alloc(4096, 1);
      try {
        for (;;) writeSync(file, bytes);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      } finally {
        closeSync(file);
      }
    },
    free: () => rmSync(filler),
    makeReadOnly: () => void mount('-o', 'remount,ro', path),
    async [Symbol.asyncDispose]() {
      execFileSync('umount', ['-l', path], { stdio: 'pipe' });
      await rm(path, { recursive: true, force: true });
    },
  };
}
