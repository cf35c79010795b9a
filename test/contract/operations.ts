/** The files of the contract: one per operation. `on/` has one Jest file per store, which runs all of them on it. */
import { readdirSync } from 'node:fs';

const SUFFIX = '.test.ts';
/** Tests of the contract itself. */
const OTHERS: readonly string[] = ['every-store', 'isolation-checker'];

/** Their names, without the ending. */
export const operations: readonly string[] = readdirSync(import.meta.dirname)
  .filter((name) => name.endsWith(SUFFIX))
  .map((name) => name.slice(0, -SUFFIX.length))
  .filter((name) => !OTHERS.includes(name))
  .sort();
