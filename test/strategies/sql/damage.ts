import { open, stat } from 'node:fs/promises';

/** SQLite's. */
const PAGE_BYTES = 4096;

/** Overwrites a page of a SQLite file, counted from 1, as a dying disk would: by default the one in the middle. */
export async function damage(path: string, page?: number): Promise<void> {
  const offset = PAGE_BYTES * (page === undefined ? Math.floor((await stat(path)).size / PAGE_BYTES / 2) : page - 1);
  const file = await open(path, 'r+');
  await file.write(Buffer.alloc(PAGE_BYTES, 0xa5), 0, PAGE_BYTES, offset);
  await file.close();
}
