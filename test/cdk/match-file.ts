/** Snapshots as files of their own, which can be read and compared without Jest. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';

export const SNAPSHOTS = join(import.meta.dirname, 'snapshots');

/** What Jest knows of `--updateSnapshot`; its types leave it out. */
interface State {
  readonly snapshotState?: { readonly _updateSnapshot: 'all' | 'new' | 'none' };
}

/** Expects a text to be that of a file in `snapshots`. With `jest -u` the file is written. */
export function expectToMatchFile(text: string, name: string): void {
  const file = join(SNAPSHOTS, name);
  if ((expect.getState() as State).snapshotState?._updateSnapshot === 'all') {
    mkdirSync(SNAPSHOTS, { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}
