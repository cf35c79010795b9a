/** That the contract runs on every store. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';
import { repositories } from './repositories.ts';

const folder = join(import.meta.dirname, 'on');
const names = repositories.map(({ name }) => name);

test('every store has a name of its own', () => {
  expect(new Set(names).size).toBe(names.length);
});

test('every store has a Jest file that runs the contract on it', () => {
  const texts = readdirSync(folder).map((file) => readFileSync(join(folder, file), 'utf8'));
  const run = texts.map((text) => /^await runContract\('(.*)'\);$/m.exec(text)?.[1]);
  expect(run.toSorted()).toEqual(names.toSorted());
});
