/** Files that are written under another name and renamed once they are whole and on the disk. */
import { open, rm } from 'node:fs/promises';
import { PRIVATE_FILE } from '../../objects/file-owner.ts';
import { Identifier } from './journal-format.ts';

/** Makes renames and new names in a folder durable. Windows has no call for it and keeps the order itself. */
export async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** A name no other process and no earlier crash can have used. */
export const temporaryName = (path: string): string => `${path}.tmp-${process.pid}-${crypto.randomUUID().slice(0, 8)}`;

/** Writes a new file completely and durably, or leaves none. */
export async function writeNew(
  path: string,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): Promise<Identifier> {
  const identifier = new Identifier();
  try {
    const file = await open(path, 'wx', PRIVATE_FILE);
    try {
      for await (const piece of content) {
        identifier.add(piece);
        await file.appendFile(piece);
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await rm(path, { force: true });
    throw error;
  }
  return identifier;
}

/** Makes the content of a new file durable. */
export async function syncFile(path: string): Promise<void> {
  await using file = await open(path, 'r+');
  await file.sync();
}
