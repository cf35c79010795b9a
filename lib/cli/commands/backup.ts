import { type Command, Option } from 'commander';
import { collect, collectionOption, collectList, integerBetween } from '../arguments.ts';
import type { CreateFlags } from '../backup/create.ts';
import type { LocationFlag } from '../backup/location.ts';
import type { PruneFlags } from '../backup/prune.ts';
import type { RestoreFlags } from '../backup/restore.ts';
import type { Session } from '../session.ts';

const locationOption = (): Option =>
  new Option('--location <location>', 'folder or s3://bucket/prefix of the backups (default: backup.location)');

export function addBackupCommands(program: Command, session: Session): void {
  const backup = program.command('backup').description('Take, list, verify and restore backups of the store.');
  addCreate(backup, session);
  addRestore(backup, session);
  addPrune(backup, session);
  backup
    .command('list')
    .description('List backups, oldest first.')
    .addOption(locationOption())
    .action(async (flags: LocationFlag) => (await import('../backup/list.ts')).listCommand(session, flags));
  backup
    .command('verify')
    .description('Read a whole backup and verify its checksums. Exit code 3 if it is damaged.')
    .argument('<id>', 'id of a backup, or latest')
    .addOption(locationOption())
    .action(async (id: string, flags: LocationFlag) =>
      (await import('../backup/verify.ts')).verifyCommand(session, id, flags),
    );
}

function addCreate(backup: Command, session: Session): void {
  backup
    .command('create')
    .description('Back up the store in a form that any store can restore.')
    .addOption(locationOption())
    .option('--native', "use the store's own backup: faster, but only for the same kind of store")
    .addOption(new Option('--id <id>', 'id of the backup; restarts one that was interrupted').hideHelp())
    .action(async (flags: CreateFlags) => (await import('../backup/create.ts')).createCommand(session, flags));
}

function addRestore(backup: Command, session: Session): void {
  backup
    .command('restore')
    .description('Restore a backup into the store. Exit code 3 if entities were kept, left out or not in the backup.')
    .argument('<id>', 'id of a backup, or latest')
    .addOption(locationOption())
    .addOption(collectionOption('only this collection; may be repeated'))
    .addOption(
      new Option('--id <id>', 'only this entity of the one --collection; may be repeated')
        .argParser(collect)
        .default([], 'all'),
    )
    .addOption(
      new Option('--ids <ids>', 'only these entities of the one --collection, separated by commas').argParser(
        collectList,
      ),
    )
    .option('--overwrite', 'also replace entities that have a newer version in the store')
    .addOption(
      new Option(
        '--on-invalid <what>',
        'what to do with records that the store cannot hold (default: migration.on_invalid)',
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
    .description('Remove old backups. The newest one is always kept.')
    .addOption(locationOption())
    .option('-n, --dry-run', 'only list them')
    .addOption(keep('last', 'number of newest backups to keep'))
    .addOption(keep('daily', 'number of days whose newest backup is kept'))
    .addOption(keep('weekly', 'number of weeks whose newest backup is kept'))
    .addOption(keep('monthly', 'number of months whose newest backup is kept'))
    .action(async (flags: PruneFlags) => (await import('../backup/prune.ts')).pruneCommand(session, flags));
}
