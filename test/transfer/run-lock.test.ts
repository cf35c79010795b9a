import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import { RunLock } from '../../lib/transfer/run-lock.ts';
import { newFolder } from '../migration/migrating.ts';

const PROGRAM = join(import.meta.dirname, 'lock-process.ts');

async function taking(folder: string, name: string): Promise<{ child: ChildProcess; taken: string }> {
  const child = spawn(process.execPath, [PROGRAM, folder, name], { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const taken of createInterface(child.stdout)) return { child, taken };
  throw new Error('The process has said nothing.');
}

async function kill(child: ChildProcess): Promise<void> {
  const ended = child.exitCode === null ? once(child, 'close') : undefined;
  child.kill('SIGKILL');
  await ended;
}

test('one process has the lock, until it is killed', async () => {
  await using folder = await newFolder();
  const first = await taking(folder.path, 'work');
  try {
    expect(first.taken).toBe('yes');
    expect(RunLock.take(folder.path, 'work')).toBeUndefined();
    expect(RunLock.isHeld(folder.path, 'work')).toBe(true);
    expect(RunLock.isHeld(folder.path, 'other')).toBe(false);
    const second = await taking(folder.path, 'work');
    expect(second.taken).toBe('no');
  } finally {
    await kill(first.child);
  }
  expect(RunLock.isHeld(folder.path, 'work')).toBe(false);
  const third = await taking(folder.path, 'work');
  await kill(third.child);
  expect(third.taken).toBe('yes');
});

test('a lock of this process keeps out others and this process itself, until it is let go of', async () => {
  await using folder = await newFolder();
  {
    using lock = RunLock.take(folder.path, 'work');
    expect(lock).toBeDefined();
    expect(RunLock.take(folder.path, 'work')).toBeUndefined();
    expect((await taking(folder.path, 'work')).taken).toBe('no');
  }
  expect(RunLock.isHeld(folder.path, 'work')).toBe(false);
});

test('a folder that does not exist is an error, not a lock that somebody has', async () => {
  await using folder = await newFolder();
  expect(() => RunLock.take(join(folder.path, 'nowhere'), 'work')).toThrow(/no such file/);
});

test('the file of a lock is for its owner only', async () => {
  await using folder = await newFolder();
  using _lock = RunLock.take(folder.path, 'work');
  expect((await stat(join(folder.path, 'work.lock'))).mode & 0o777).toBe(0o600);
});
