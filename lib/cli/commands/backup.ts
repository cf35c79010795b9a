import { type Command, Option } from 'commander';
import { collectionOption, gather, gatherList, integerBetween } from '../arguments.ts';
import type { CreateFlags } from '../backup/create.ts';
import type { LocationFlag } from '../backup/location.ts';
import type { PruneFlags } from '../backup/prune.ts';
import type { RestoreFlags } from '../backup/restore.ts';
import type { Session } from '../session.ts';

const locationOption = (): Option =>
  new Option('--location <place>', 'folder or s3://bucket/prefix of the backups (default: backup.location)');

export function addBackupCommands(program: Command, session: Session): void {
  const backup = program.command('backup').description('Take, list, check and restore backups of the store.');
  addCreate(backup, session);
  addRestore(backup, session);
  addPrune(backup, session);
  backup
    .command('list')
    .description('List backups, the oldest first.')
    .addOption(locationOption())
    .action(async (flags: LocationFlag) => (await import('../backup/list.ts')).listCommand(session, flags));
  backup
    .command('verify')
    .description('Read all of a backup and compare its checksums. Exit code 3 where it is damaged.')
    .argument('<id>', 'of a backup, or latest')
    .addOption(locationOption())
    .action(async (id: string, flags: LocationFlag) =>
      (await import('../backup/verify.ts')).verifyCommand(session, id, flags),
    );
}

function addCreate(backup: Command, session: Session): void {
  backup
    .command('create')
    .description('Back the store up, so that any store can restore it.')
    .addOption(locationOption())
    .option('--native', "by the store's own means: for this kind of store only, and quicker")
    .addOption(new Option('--id <id>', 'id of the backup; begins one that was cut off again').hideHelp())
    .action(async (flags: CreateFlags) => (await import('../backup/create.ts')).createCommand(session, flags));
}

function addRestore(backup: Command, session: Session): void {
  backup
    .command('restore')
    .description('Put a backup into the store. Exit code 3 where something was kept, left out or not in the backup.')
    .argument('<id>', 'of a backup, or latest')
    .addOption(locationOption())
    .addOption(collectionOption('only this collection; may be repeated'))
    .addOption(
      new Option('--id <id>', 'only this entity of the one --collection; may be repeated')
        .argParser(gather)
        .default([], 'all'),
    )
    .addOption(
      new Option('--ids <ids>', 'only these entities of the one --collection, separated by commas').argParser(
        gatherList,
      ),
    )
    .option('--overwrite', 'replace also what the store has in a newer version')
    .addOption(
      new Option(
        '--on-invalid <what>',
        'what becomes of records that the store cannot hold (default: migration.on_invalid)',
      ).choices(['fail', 'skip']),
    )
    .option('-y, --yes', 'do not ask before entities are overwritten')
    .action(async (id: string, { ids = [], ...flags }: RestoreFlags & { ids?: readonly string[] }) =>
      (await import('../backup/restore.ts')).restoreCommand(session, id, { ...flags, id: [...flags.id, ...ids] }),
    );
}

function addPrune(backup: Command, session: Session): void {
  const keep = (period: string, what: string): Option =>
    new Option(`--keep-${period} <n>`, `${what} (default: backup.retention.keep_${period})`).argParser(
      integerBetween(0, 10_000),
    );
  backup
    .command('prune')
    .description('Remove old backups. The newest one always stays.')
    .addOption(locationOption())
    .option('-n, --dry-run', 'only say which')
    .addOption(keep('last', 'newest backups that stay'))
    .addOption(keep('daily', 'days whose newest backup stays'))
    .addOption(keep('weekly', 'weeks whose newest backup stays'))
    .addOption(keep('monthly', 'months whose newest backup stays'))
    .action(async (flags: PruneFlags) => (await import('../backup/prune.ts')).pruneCommand(session, flags));
}
