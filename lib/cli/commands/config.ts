import type { Command } from 'commander';
import { configSchema } from '../../config/configuration.ts';
import { hideSecrets } from '../../config/environment.ts';
import type { Session } from '../session.ts';

export function addConfigCommands(program: Command, session: Session): void {
  const { output } = session;
  const config = program.command('config').description('Inspect the configuration.');

  config
    .command('check')
    .description('Check that the configuration is valid.')
    .action(async () => {
      const { path, config } = await session.readConfig();
      if (output.json) await output.value({ valid: true, path, strategy: config.storage.strategy });
      else await output.line(`${path} is valid; it uses the store ${config.storage.strategy}.`);
    });

  config
    .command('show')
    .description('Show the configuration in use as JSON, complete with defaults and without secrets.')
    .action(async () => {
      const { path, config, expansions } = await session.readConfig();
      const { $schema: _, ...effective } = config;
      output.note(`From ${path}:`);
      await output.line(JSON.stringify(hideSecrets(effective, expansions), null, 2));
    });

  config
    .command('schema')
    .description('Print the JSON Schema of the configuration, for editors.')
    .action(() => output.line(JSON.stringify(configSchema(), null, 2)));
}
