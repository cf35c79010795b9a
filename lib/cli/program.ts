import { Command } from 'commander';
import { packageVersion } from '../config/package-version.ts';
import { addBackupCommands } from './commands/backup.ts';
import { addConfigCommands } from './commands/config.ts';
import { addCountCommand } from './commands/count.ts';
import { addDeleteCommand } from './commands/delete.ts';
import { addDoctorCommand } from './commands/doctor.ts';
import { addGetCommand } from './commands/get.ts';
import { addImportCommand } from './commands/import.ts';
import { addMigrateRepositoryCommand } from './commands/migrate-repository.ts';
import { addQueryCommand } from './commands/query.ts';
import { addSaveCommand } from './commands/save.ts';
import { addServeCommand } from './commands/serve.ts';
import { addUpdateCommand } from './commands/update.ts';
import type { Streams } from './output.ts';
import { remoteOf } from './remote-option.ts';
import type { Session } from './session.ts';

/** The command line `hfstorage`, with all its commands. */
export function createProgram(session: Session, { stdout, stderr }: Streams): Command {
  const program = new Command('hfstorage')
    .description('Stores templates, requests and machines of a Host Factory.')
    .version(packageVersion(), '-V, --version', 'show the version')
    .helpOption('-h, --help', 'show help')
    .option('--config <file>', 'configuration (default: HFSTORAGE_CONFIG, else config/default.json)')
    .option('--remote <url>', 'use the HTTP API at a URL (default: HFSTORAGE_REMOTE, else the store itself)')
    .option('--remote-region <region>', 'AWS region to sign calls for (default: from the URL, else AWS_REGION)')
    .option('--profile <name>', 'AWS profile to sign calls with (default: AWS_PROFILE)')
    .option('--api-key-file <file>', 'file with the API key for calls (default: the key in HFSTORAGE_API_KEY)')
    .option('--json', 'print one JSON value, for programs')
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => stdout.write(text),
      writeErr: (text) => stderr.write(text),
      outputError: (text, write) => write(text.replace(/^error: /, 'hfstorage: ')),
    })
    .exitOverride()
    .hook('preAction', (_, command) => {
      const { config, json } = command.optsWithGlobals<{ config?: string; json?: true }>();
      session.configPath = config;
      session.output.json = json === true;
      session.remote = remoteOf(command);
    });
  addServeCommand(program, session);
  addGetCommand(program, session);
  addSaveCommand(program, session);
  addUpdateCommand(program, session);
  addDeleteCommand(program, session);
  addQueryCommand(program, session);
  addCountCommand(program, session);
  addImportCommand(program, session);
  addMigrateRepositoryCommand(program, session);
  addBackupCommands(program, session);
  addDoctorCommand(program, session);
  addConfigCommands(program, session);
  return program;
}
