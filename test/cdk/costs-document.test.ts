import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@jest/globals';

const text = readFileSync(join(import.meta.dirname, '..', '..', 'docs', 'aws-costs.md'), 'utf8');
const number = (written: string): number => Number(written.replaceAll(',', ''));

test('the prices in docs/aws-costs.md follow from their units', () => {
  const [, read, write] = /uses ([\d.]+) USD per million reads and ([\d.]+) USD/.exec(text) ?? [];
  const rows = [
    ...text.matchAll(/^\| [^|]+ \| ([\d.,]+) \/ ([\d.,]+) \| ([\d.,]+) \| ([\d.,]+) \/ ([\d.,]+) \| ([\d.,]+) \|$/gm),
  ];
  expect(rows.length).toBeGreaterThan(10);
  for (const [row, ...cells] of rows) {
    for (const [reads = '', writes = '', price = ''] of [cells.slice(0, 3), cells.slice(3)]) {
      const cost = number(reads) * Number(read) + number(writes) * Number(write);
      // Hundreds are written without cents.
      expect([row, Math.abs(cost - number(price)) <= (cost < 100 ? 0.006 : 0.51)]).toEqual([row, true]);
    }
  }
});
