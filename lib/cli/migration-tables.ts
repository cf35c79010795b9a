/** What people see of a migration. */

import { differencesIn, type MigrationReport, type Preflight, type Validation } from '../migration/report.ts';
import { collectionNames } from '../model/collections.ts';
import { problemsInWords } from '../model/json-values.ts';
import type { Output } from './output.ts';
import { counted, displayText } from './tables.ts';

/** Entities that are named; the rest are counted. `--json` names up to a thousand. */
const MOST_NAMED = 20;

async function printNamed(output: Output, lines: readonly string[], total: number): Promise<void> {
  for (const line of lines.slice(0, MOST_NAMED)) await output.line(line);
  if (total > MOST_NAMED) await output.line(`… and ${total - MOST_NAMED} more (--json names up to 1000)`);
}

export async function printPreflight(
  output: Output,
  { totals, incompatible, incompatibleTotals, bytes }: Preflight,
): Promise<void> {
  const rows = collectionNames.map((name) => [name, String(totals[name]), String(incompatibleTotals[name])]);
  await output.table(['collection', 'entities', 'do not fit'], rows);
  await printNamed(
    output,
    incompatible.map(({ collection, id, problems }) => {
      const why = problemsInWords(problems);
      return `${collection} ${JSON.stringify(id)}: ${displayText(why)}`;
    }),
    Object.values(incompatibleTotals).reduce((sum, count) => sum + count, 0),
  );
  output.note(`Nothing was written. The entities take ${Math.ceil(bytes / 1e6)} MB as JSON.`);
}

export const differenceText = ({ collection, id, kind }: { collection: string; id: string; kind: string }): string =>
  `${collection} ${JSON.stringify(id)}: ${kind}`;

/** What is said of entities that the target cannot hold, and that `--on-invalid skip` left out. */
export const leftOutText = (count: number): string =>
  `${count} entities do not fit the target and were left out; --dry-run lists them.`;

/** The verdict of a comparison, with what differs. */
async function printDifferences(output: Output, validation: Validation): Promise<void> {
  const total = differencesIn(validation);
  if (total === 0) {
    await output.line('Both stores hold the same.');
    return;
  }
  const { missing, different, newer, extra } = validation.differences;
  await output.line(
    `${counted(total, 'difference')}: ${missing} missing in the target, ${different} different, ${newer} newer in the ` +
      `target, ${extra} only in the target.`,
  );
  await printNamed(output, validation.listed.map(differenceText), total);
}

export async function printValidation(output: Output, validation: Validation): Promise<void> {
  const rows = collectionNames.map((name) => [name, String(validation[name])]);
  await output.table(['collection', 'in the target'], rows);
  await printDifferences(output, validation);
}

export async function printReport(output: Output, report: MigrationReport): Promise<void> {
  const { id, collections, validation, backup, removed } = report;
  const rows = collectionNames.map((name) => {
    const { read, copied, skipped } = collections[name];
    const inTarget = validation === undefined ? [] : [validation[name]];
    return [name, read, copied, read - copied - skipped, skipped, ...inTarget].map(String);
  });
  const inTarget = validation === undefined ? [] : ['in the target'];
  await output.table(['collection', 'read', 'copied', 'there already', 'skipped', ...inTarget], rows);
  if (backup !== undefined) await output.line(`Backup of the source: ${backup}`);
  if (validation === undefined) await output.line('The stores were not compared.');
  else {
    if (validation.repaired > 0) {
      await output.line(`Changed meanwhile, and brought up to date by the comparison: ${validation.repaired}.`);
    }
    await printDifferences(output, validation);
  }
  if (removed !== undefined) await output.line(`Deleted from the source: ${removed}.`);
  const skipped = collectionNames.reduce((sum, name) => sum + collections[name].skipped, 0);
  if (skipped > 0) output.note(leftOutText(skipped));
  if (collectionNames.every((name) => collections[name].read === 0)) {
    output.note('The source holds no entities. Is it the one that was meant?');
  }
  const seconds = (Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1000;
  output.note(`Migration ${id} took ${seconds.toFixed(1)} s.`);
}
