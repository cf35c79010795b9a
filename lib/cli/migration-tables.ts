/** Output of a migration for people. */

import { differencesIn, type MigrationReport, type Preflight, type Validation } from '../migration/report.ts';
import { collectionNames } from '../model/collections.ts';
import { problemsInWords } from '../model/json-values.ts';
import type { Output } from './output.ts';
import { counted, displayText } from './tables.ts';

/** Most entities that are listed; the rest are counted. `--json` lists up to a thousand. */
const MAX_LISTED = 20;

async function printListed(output: Output, lines: readonly string[], total: number): Promise<void> {
  for (const line of lines.slice(0, MAX_LISTED)) await output.line(line);
  if (total > MAX_LISTED) await output.line(`… and ${total - MAX_LISTED} more (--json lists up to 1000)`);
}

export async function printPreflight(
  output: Output,
  { totals, incompatible, incompatibleTotals, bytes }: Preflight,
): Promise<void> {
  const rows = collectionNames.map((name) => [name, String(totals[name]), String(incompatibleTotals[name])]);
  await output.table(['collection', 'entities', 'do not fit'], rows);
  await printListed(
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

/** The message for entities that the target cannot hold and that `--on-invalid skip` left out. */
export const leftOutText = (count: number): string =>
  `${count} entities do not fit the target and were left out; --dry-run lists them.`;

/** The result of a comparison, with the differences. */
async function printDifferences(output: Output, validation: Validation): Promise<void> {
  const total = differencesIn(validation);
  if (total === 0) {
    await output.line('Both stores hold the same entities.');
    return;
  }
  const { missing, different, newer, extra } = validation.differences;
  await output.line(
    `${counted(total, 'difference')}: ${missing} missing in the target, ${different} different, ${newer} newer in the ` +
      `target, ${extra} only in the target.`,
  );
  await printListed(output, validation.listed.map(differenceText), total);
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
  await output.table(['collection', 'read', 'copied', 'already there', 'skipped', ...inTarget], rows);
  if (backup !== undefined) await output.line(`Backup of the source: ${backup}`);
  if (validation === undefined) await output.line('The stores were not compared.');
  else {
    if (validation.repaired > 0) {
      await output.line(`Changed in the meantime and updated by the comparison: ${validation.repaired}.`);
    }
    await printDifferences(output, validation);
  }
  if (removed !== undefined) await output.line(`Deleted from the source: ${removed}.`);
  const skipped = collectionNames.reduce((sum, name) => sum + collections[name].skipped, 0);
  if (skipped > 0) output.note(leftOutText(skipped));
  if (collectionNames.every((name) => collections[name].read === 0)) {
    output.note('The source holds no entities. Is it the right store?');
  }
  const seconds = (Date.parse(report.finishedAt) - Date.parse(report.startedAt)) / 1000;
  output.note(`Migration ${id} took ${seconds.toFixed(1)} s.`);
}
