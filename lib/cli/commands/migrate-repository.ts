import { type Command, Option } from 'commander';
import type { Config } from '../../config/configuration.ts';
import { readConfig } from '../../config/load-config.ts';
import type { MigrateOptions } from '../../migration/migrate-repository.ts';
import type { SideOptions } from '../../migration/plan.ts';
import { differencesIn, type MigrationReport, type Preflight, type Validation } from '../../migration/report.ts';
import type { MigrationSettings } from '../../migration/settings.ts';
import { type StoreType, storeTypes } from '../../migration/stores.ts';
import { collectionNames } from '../../model/collections.ts';
import type { RemoteOptions } from '../../remote/open-remote.ts';
import { integerBetween } from '../arguments.ts';
import { exitCodes, UsageError } from '../failures.ts';
import { Interruption } from '../interruption.ts';
import { printPreflight, printReport, printValidation } from '../migration-tables.ts';
import { Progress } from '../progress.ts';
import type { Session } from '../session.ts';
import { keepHeapSmall } from '../steady-heap.ts';

interface MigrateFlags {
  readonly sourceType?: StoreType;
  readonly targetType?: StoreType;
  readonly sourceConfig?: string;
  readonly targetConfig?: string;
  readonly batchSize?: number;
  readonly parallelWorkers?: number;
  /** False for --no-backup, true if left out. */
  readonly backup: boolean;
  readonly validate: boolean;
  readonly cleanupSource?: true;
  readonly onInvalid?: 'fail' | 'skip';
  readonly merge?: true;
  readonly deleteExtra?: true;
  readonly dryRun?: true;
  readonly verifyOnly?: true;
  readonly resume?: string;
  readonly yes?: true;
  readonly id?: string;
}

const NO_TYPES = `Give --source-type and --target-type, each one of ${storeTypes.join(', ')}, or --resume.`;
const CLEANUP_QUESTION =
  'Once both stores have been compared, everything that was copied is deleted from the source. Continue?';

const typeOption = (flags: string, description: string): Option => new Option(flags, description).choices(storeTypes);

export function addMigrateRepositoryCommand(program: Command, session: Session): void {
  program
    .command('migrateRepository')
    .description('Copy all entities of one store to another: check, back up, copy, compare.')
    .addOption(typeOption('--source-type <type>', 'store to copy from'))
    .addOption(typeOption('--target-type <type>', 'store to copy to'))
    .option('--source-config <file>', 'configuration that describes the source (default: as --config)')
    .option('--target-config <file>', 'configuration that describes the target (default: as --config)')
    .option('--batch-size <n>', 'entities per batch (default: migration.batch_size)', integerBetween(1, 1000))
    .option(
      '--parallel-workers <n>',
      'batches in parallel (default: migration.parallel_workers)',
      integerBetween(1, 64),
    )
    .option('--no-backup', 'do not back up the source first')
    .option('--no-validate', 'do not compare both stores afterwards')
    .option('--cleanup-source', 'delete entities from the source that the comparison has found in the target')
    .addOption(
      new Option('--on-invalid <what>', 'what to do with entities that the target cannot hold').choices([
        'fail',
        'skip',
      ]),
    )
    .option('--merge', 'allow a target that already holds entities; newer ones are kept')
    .option('--delete-extra', 'delete entities from the target that the source does not have')
    .option('--dry-run', 'check everything without writing any entity')
    .option('--verify-only', 'compare both stores without writing; exit code 3 if they differ')
    .option('--resume <id>', 'resume an interrupted migration')
    .option('-y, --yes', 'do not ask before the source is cleaned up')
    .addOption(new Option('--id <id>', 'id of the new migration').hideHelp())
    .action((flags: MigrateFlags) => migrate(session, flags));
}

async function migrate(session: Session, flags: MigrateFlags): Promise<void> {
  if (session.remote !== undefined) return migrateThroughService(session, session.remote, flags);
  keepHeapSmall();
  const { migrateRepository, resumeMigration, planMigration, compareRepositories } = await import(
    '../../migration/migrate-repository.ts'
  );
  const { config } = await session.readConfig();
  const options = await optionsOf(config, flags);
  await confirmCleanup(session, flags, options);
  using interruption = new Interruption(session.output, 'Copied entities stay in the target.');
  using progress = new Progress(session.output);
  const run = { ...options, signal: interruption.signal, ...progressOf(session, progress) };
  if (flags.dryRun) return printDryRun(session, await planMigration(run), progress);
  if (flags.verifyOnly) return printComparison(session, await compareRepositories(run), progress);
  const report = flags.resume === undefined ? await migrateRepository(run) : await resumeMigration(flags.resume, run);
  progress[Symbol.dispose]();
  await print(session, report);
}

/** Lets the service migrate between stores of its own configuration, or of files in the same folder. */
async function migrateThroughService(session: Session, remote: RemoteOptions, flags: MigrateFlags): Promise<void> {
  const { sourceType, targetType, dryRun, verifyOnly, resume } = flags;
  if (dryRun || verifyOnly || resume !== undefined) {
    throw new UsageError('--dry-run, --verify-only and --resume work on the stores themselves: leave out --remote.');
  }
  if (sourceType === undefined || targetType === undefined) throw new UsageError(NO_TYPES);
  if (flags.cleanupSource && !flags.yes) await session.confirm(CLEANUP_QUESTION, '--cleanup-source');
  using interruption = new Interruption(session.output, 'The migration continues in the service.');
  const { migrateRemotely } = await import('../remote-migration.ts');
  const settings = {
    source_type: sourceType,
    target_type: targetType,
    source_config: flags.sourceConfig,
    target_config: flags.targetConfig,
    ...settingsOf(flags),
  };
  await migrateRemotely(session, remote, settings, interruption.signal);
}

/** @throws UsageError if options contradict each other */
async function optionsOf(config: Config, flags: MigrateFlags): Promise<MigrateOptions> {
  if (flags.dryRun && flags.verifyOnly) throw new UsageError('Give --dry-run or --verify-only, not both.');
  if (flags.resume !== undefined) refuseSettings(flags);
  const sides = flags.resume === undefined ? flags : await sidesOfPlan(config, flags.resume);
  const { sourceType, targetType } = sides;
  if (sourceType === undefined || targetType === undefined) {
    throw new UsageError(NO_TYPES);
  }
  return {
    config,
    source: await sideOf(config, sourceType, sides.sourceConfig),
    target: await sideOf(config, targetType, sides.targetConfig),
    settings: settingsOf(flags),
    id: flags.id,
  };
}

/** @throws UsageError if a flag would change a migration that continues: its plan says how it is done */
function refuseSettings(flags: MigrateFlags): void {
  const { sourceType, targetType, sourceConfig, targetConfig } = flags;
  const sides = [sourceType, targetType, sourceConfig, targetConfig].filter((value) => value !== undefined);
  if (Object.keys(settingsOf(flags)).length === 0 && sides.length === 0) return;
  throw new UsageError('--resume continues a migration as it was ordered: leave out stores and settings.');
}

/** The stores of a migration that continues. */
async function sidesOfPlan(
  config: Config,
  id: string,
): Promise<Pick<MigrateFlags, 'sourceType' | 'targetType' | 'sourceConfig' | 'targetConfig'>> {
  const { openStates, readPlan } = await import('../../migration/plan.ts');
  const { source, target } = await readPlan(await openStates(config), id);
  return {
    sourceType: source.type,
    targetType: target.type,
    ...(source.config !== undefined && { sourceConfig: source.config }),
    ...(target.config !== undefined && { targetConfig: target.config }),
  };
}

const sideOf = async (config: Config, type: StoreType, file: string | undefined): Promise<SideOptions> =>
  file === undefined ? { type, config } : { type, config: (await readConfig(file)).config, configFile: file };

/** The settings that the flags override. */
const settingsOf = (flags: MigrateFlags): Partial<MigrationSettings> => ({
  ...(flags.batchSize !== undefined && { batch_size: flags.batchSize }),
  ...(flags.parallelWorkers !== undefined && { parallel_workers: flags.parallelWorkers }),
  ...(!flags.backup && { create_backup: false }),
  ...(!flags.validate && { validate_after_migration: false }),
  ...(flags.cleanupSource && { cleanup_source: true }),
  ...(flags.onInvalid !== undefined && { on_invalid: flags.onInvalid }),
  ...(flags.merge && { merge: true }),
  ...(flags.deleteExtra && { delete_extra: true }),
});

/** @throws UsageError unless the deletion of the source is confirmed */
async function confirmCleanup(session: Session, flags: MigrateFlags, options: MigrateOptions): Promise<void> {
  const { cleanup_source = options.config.migration.cleanup_source } = options.settings ?? {};
  if (!cleanup_source || flags.yes || flags.dryRun || flags.verifyOnly) return;
  await session.confirm(CLEANUP_QUESTION, '--cleanup-source (migration.cleanup_source)');
}

/** Shows each phase of each collection; totals are known once the source has been checked. */
function progressOf(session: Session, progress: Progress): Pick<MigrateOptions, 'started' | 'checked' | 'progress'> {
  let totals: Preflight['totals'] | undefined;
  return {
    started: (id) => session.output.note(`Migration ${id}`),
    checked: (preflight) => {
      ({ totals } = preflight);
    },
    progress: (phase, collection, entities) => progress.add(`${phase} ${collection}`, entities, totals?.[collection]),
  };
}

async function printDryRun(session: Session, preflight: Preflight, progress: Progress): Promise<void> {
  progress[Symbol.dispose]();
  if (collectionNames.some((name) => preflight.incompatibleTotals[name] > 0)) session.exitCode = exitCodes.differences;
  await (session.output.json ? session.output.value(preflight) : printPreflight(session.output, preflight));
}

async function printComparison(session: Session, validation: Validation, progress: Progress): Promise<void> {
  progress[Symbol.dispose]();
  if (differencesIn(validation) > 0) session.exitCode = exitCodes.differences;
  await (session.output.json ? session.output.value(validation) : printValidation(session.output, validation));
}

async function print(session: Session, report: MigrationReport): Promise<void> {
  if (report.outcome === 'differences') session.exitCode = exitCodes.differences;
  await (session.output.json ? session.output.value(report) : printReport(session.output, report));
}
