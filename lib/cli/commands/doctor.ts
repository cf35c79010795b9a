import type { Command } from 'commander';
import type { Config } from '../../config/configuration.ts';
import { diagnoseStore } from '../../doctor/diagnose-store.ts';
import { recordFindings } from '../../doctor/record-findings.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import type { Finding } from '../../repository/finding.ts';
import { openRepository } from '../../strategies/open-repository.ts';
import { exitCodes, failureOf } from '../failures.ts';
import type { Output } from '../output.ts';
import type { Session } from '../session.ts';
import { counted, displayText } from '../tables.ts';

/** Most entities of a collection that are listed for people and for programs. */
const MAX_LISTED = { people: 20, programs: 10_000 };

export function addDoctorCommand(program: Command, session: Session): void {
  program
    .command('doctor')
    .description('Check the configuration, the store and every entity. Exit code 3 if errors are found.')
    .option('--repair', 'repair what can be repaired without losing data, then check again')
    .action(({ repair = false }: { repair?: boolean }) => doctor(session, repair));
}

async function doctor(session: Session, repair: boolean): Promise<void> {
  const { output } = session;
  const config = await configurationFindings(session);
  const repairs = repair && config.config !== undefined ? await repairStore(output, config.config) : [];
  const findings: Finding[] = [];
  for await (const finding of afterwards(repairs, allFindings(output, config))) {
    findings.push(finding);
    if (!output.json) await printFinding(output, finding);
  }
  const count = (level: Finding['level']) => findings.filter((finding) => finding.level === level).length;
  const [errors, warnings] = [count('error'), count('warning')];
  if (errors > 0) session.exitCode = exitCodes.differences;
  if (output.json)
    return output.value({
      ok: errors === 0,
      errors,
      warnings,
      ...(repair && { repairs }),
      findings: findings.map(shown),
    });
  output.note(`${counted(errors, 'error')}, ${counted(warnings, 'warning')}.`);
}

interface Checked {
  readonly finding: Finding;
  readonly config?: Config;
}

async function configurationFindings(session: Session): Promise<Checked> {
  try {
    const { path, config } = await session.readConfig();
    return { finding: { level: 'ok', subject: 'configuration', message: `${path} is valid.` }, config };
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return { finding: { level: 'error', subject: 'configuration', message: error.message } };
  }
}

async function repairStore(output: Output, config: Config): Promise<Finding[]> {
  const repairs: Finding[] = [];
  for await (const finding of diagnoseStore(config, { repair: true })) {
    repairs.push(finding);
    if (!output.json && finding.loss !== true) await printFinding(output, finding);
  }
  if (!output.json) await output.line(output.styled('bold', 'After the repair:'));
  return repairs;
}

/** The findings after a repair: the data it could not save, and the remaining problems. */
async function* afterwards(repairs: readonly Finding[], found: AsyncIterable<Finding>): AsyncGenerator<Finding> {
  yield* repairs.filter(({ loss }) => loss === true);
  yield* found;
}

/** The findings about the store and, if it is sound, about its entities. */
async function* allFindings(output: Output, { finding, config }: Checked): AsyncGenerator<Finding> {
  yield finding;
  if (config === undefined) return;
  let sound = true;
  for await (const found of diagnoseStore(config, { repair: false })) {
    sound &&= found.level !== 'error';
    yield found;
    if (found.final === true) return;
  }
  if (!sound) {
    yield { level: 'warning', subject: 'entities', message: 'They were not checked because the store has errors.' };
    return;
  }
  try {
    await using repository = await openRepository(config);
    yield* recordFindings(repository.strategy, {
      enforceReferences: config.storage.enforce_references,
      most: output.json ? MAX_LISTED.programs : MAX_LISTED.people,
    });
  } catch (error) {
    yield { level: 'error', subject: 'store', message: failureOf(error).message };
  }
}

/** A finding without the members that are meant only for this command. */
const shown = ({ final: _final, loss: _loss, ...finding }: Finding): Finding => finding;

const styles = { ok: 'green', warning: 'yellow', error: 'red' } as const;

async function printFinding(output: Output, { level, subject, message, remedy }: Finding): Promise<void> {
  const mark = output.styled(styles[level], level.padEnd(7));
  await output.line(`${mark}  ${displayText(subject)}: ${displayText(message)}`);
  if (remedy !== undefined) await output.line(`${' '.repeat(9)}${displayText(remedy)}`);
}
