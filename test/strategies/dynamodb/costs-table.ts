/** The table of costs in docs/dynamodb-store.md. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Cost } from './capacity-meter.ts';
import type { MeasuredCall } from './measured-calls.ts';

const DOCUMENT = join(import.meta.dirname, '../../../docs/dynamodb-store.md');
const BEGIN =
  '<!-- costs: measured by test/strategies/dynamodb/costs.test.ts; HFSTORAGE_UPDATE_DOCS=1 writes them here -->';
const END = '<!-- end of costs -->';

export interface Measured {
  readonly call: MeasuredCall;
  readonly off: Cost;
  readonly on: Cost;
}

const number = (value: number): string => value.toLocaleString('en', { maximumFractionDigits: 1 });
const cell = ({ requests, readUnits, writeUnits }: Cost): string =>
  [requests, readUnits, writeUnits].map(number).join(' / ');

/** The table in Markdown. */
export function costsTable(rows: readonly Measured[]): string {
  const lines = rows.map(({ call: { name, minimum, minimumOn = minimum, counts }, off, on }) =>
    [name, cell(off), cell(minimum), cell(on), cell(minimumOn), counts].join(' | '),
  );
  const heads = [
    'call | references off | minimum | references on | minimum | the minimum counts',
    '---|---|---|---|---|---',
  ];
  return [...heads, ...lines]
    .map((line) => `| ${line} |`.replaceAll('| ---', '|---').replace('--- |', '---|'))
    .join('\n');
}

async function parts(): Promise<readonly [before: string, table: string, after: string]> {
  const text = await readFile(DOCUMENT, 'utf8');
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)];
  if (from < 0 || to < from) throw new Error(`${DOCUMENT} lacks the lines ${BEGIN} and ${END}.`);
  const start = from + BEGIN.length;
  return [text.slice(0, start), text.slice(start, to).trim(), text.slice(to)];
}

export const documentedCosts = async (): Promise<string> => (await parts())[1];

export async function documentCosts(table: string): Promise<void> {
  const [before, , after] = await parts();
  await writeFile(DOCUMENT, `${before}\n\n${table}\n\n${after}`);
}
