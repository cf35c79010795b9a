/** Findings that describe what a repair has used and what may be missing. */
import type { Finding } from '../../repository/finding.ts';
import type { EntityTable } from './entity-table.ts';
import type { FileManager } from './file-manager.ts';
import type { Inspection } from './inspection.ts';
import type { DataFile, Tables } from './layout.ts';
import type { Lineage } from './lineage.ts';
import type { FilePlan } from './rebuild-file.ts';

const COMPARE = 'Compare with a backup (`hfstorage backup list`) and with the saves that were confirmed to callers.';

const counted = (commits: number): string => (commits === 1 ? '1 commit' : `${commits} commits`);

export function describeRepair(
  files: FileManager,
  inspection: Inspection,
  lineage: Lineage,
  plans: readonly FilePlan[],
  tables: Tables,
): Finding[] {
  const { journal } = inspection;
  const losses = [...lossesOfJournal(files, inspection, lineage, plans), ...lossesOfFiles(files, inspection, plans)];
  const complete = losses.length === 0 && !journal.cutOff;
  const findings = plans.flatMap((plan) => describeSources(files, inspection, plan, complete));
  if (journal.cutOff && losses.length === 0) {
    findings.push({ level: 'warning', subject: files.describe(journal.name), message: CUT_OFF });
  }
  const newest = newestIn(
    tables,
    plans.map(({ file }) => file),
  );
  for (const { subject, message } of losses) {
    findings.push({ level: 'error', subject, message: `${message} ${newest}`, remedy: COMPARE, loss: true });
  }
  const waiting = `it includes what waited in the journal (${counted(journal.records.length + journal.beyond.length)})`;
  const state = losses.length === 0 ? 'The store is whole again' : 'The store can be used again';
  findings.push({ level: 'ok', subject: files.describe(plans[0]?.file.name ?? ''), message: `${state}; ${waiting}.` });
  return findings;
}

/** For a journal that ends in half a commit. */
export const CUT_OFF =
  'It ends in a save that was cut off. A process that is killed leaves this behind, and has not acknowledged the save; if ' +
  'something else has cut the journal short, saves after its last whole commit may be missing.';

function describeSources(
  files: FileManager,
  { unrelated }: Inspection,
  { file, kind, contents, records }: FilePlan,
  complete: boolean,
): Finding[] {
  const outcome = complete && kind === 'chain' ? '; nothing is missing' : '';
  const commits = `${counted(records.length)} of the journals`;
  const finding = (message: string): Finding[] => [
    { level: 'ok', subject: files.describe(file.name), message: `${message}${outcome}.` },
  ];
  const others = contents.filter(({ name, identity }) => identity !== null && name !== file.name);
  if (others.length > 0) {
    const names = others.map(({ name }) => files.describe(name)).join(', ');
    return finding(`Rebuilt from ${names}${records.length === 0 ? '' : ` and ${commits}`}`);
  }
  if (contents.every(({ identity }) => identity === null))
    return records.length === 0 ? [] : finding(`Built from ${commits}`);
  const isOlder = kind === 'chain' && unrelated.some((found) => found.file === file);
  return isOlder ? finding(`It is an earlier state of the store. Brought up to date by ${commits}`) : [];
}

type Loss = Pick<Finding, 'subject' | 'message'>;

function lossesOfJournal(
  files: FileManager,
  { journal }: Inspection,
  lineage: Lineage,
  plans: readonly FilePlan[],
): Loss[] {
  const subject = files.describe(journal.name);
  const losses: Loss[] = [];
  const missing = [...new Set(plans.flatMap((plan) => plan.missing))].sort((a, b) => a - b);
  if (missing.length > 0) {
    const [first, last] = [missing[0], missing.at(-1)];
    const numbers = first === last ? `number ${first}` : `of the numbers ${first} to ${last}`;
    const message = `${counted(missing.length)} (${numbers}) cannot be read: the saves in them are lost. All others were used.`;
    losses.push({ subject, message });
  }
  if (lineage.endIsUnknown) {
    const what = journal.state === 'missing' ? 'It is missing' : 'Its beginning is damaged';
    const message = `${what}: saves after commit ${lineage.last} may be missing. All commits that can be read were used.`;
    losses.push({ subject, message });
  }
  return losses;
}

function lossesOfFiles(files: FileManager, { unrelated }: Inspection, plans: readonly FilePlan[]): Loss[] {
  return plans.flatMap(({ file, kind }) => {
    const subject = files.describe(file.name);
    if (kind === 'salvage') {
      const message =
        'Its remaining copies are not the content that the journal continues, so the newest version found of each entity was ' +
        'taken: saves may be missing, and deleted entities may be back.';
      return [{ subject, message }];
    }
    if (kind === 'chain' || !unrelated.some((found) => found.file === file)) return [];
    const message =
      'It was replaced or edited while commits were waiting. They have been applied to it; entities that only the previous ' +
      'file held are missing.';
    return [{ subject, message }];
  });
}

function newestIn(tables: Tables, filesOf: readonly DataFile[]): string {
  let newest = '';
  for (const name of filesOf.flatMap(({ collections }) => collections)) {
    for (const [, { updated_at }] of (tables.get(name) as EntityTable).entries()) {
      if (typeof updated_at === 'string' && updated_at > newest) newest = updated_at;
    }
  }
  return newest === '' ? 'No saves were found.' : `The newest save found is of ${newest}.`;
}
