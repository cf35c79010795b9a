/** Snapshots as separate files, which can be read and compared without Jest. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from '@jest/globals';

export const SNAPSHOTS = join(import.meta.dirname, 'snapshots');

/** Jest's state of `--updateSnapshot`, which its types omit. */
interface State {
  readonly snapshotState?: { readonly _updateSnapshot: 'all' | 'new' | 'none' };
}

/** Expects a text to equal a file in `snapshots`. With `jest -u` the file is written. */
export function expectToMatchFile(text: string, name: string): void {
  const file = join(SNAPSHOTS, name);
  if ((expect.getState() as State).snapshotState?._updateSnapshot === 'all') {
    mkdirSync(SNAPSHOTS, { recursive: true });
    writeFileSync(file, text);
  }
  expect(text).toBe(readFileSync(file, 'utf8'));
}
