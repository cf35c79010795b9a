import type { Command } from 'commander';
import { integerBetween } from '../arguments.ts';
import type { Session } from '../session.ts';
import { untilStopped } from '../shutdown.ts';

interface ServeFlags {
  readonly port: number;
  readonly host: string;
}

const LARGEST_PORT = 65_535;

export function addServeCommand(program: Command, session: Session): void {
  program
    .command('serve')
    .description(
      'Serve the HTTP API until Ctrl-C. If HFSTORAGE_API_TOKEN is set, callers must send it as bearer token.',
    )
    .option('--port <n>', 'port; 0 takes any free one', integerBetween(0, LARGEST_PORT), 8080)
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .action((flags: ServeFlags) => serve(session, flags));
}

async function serve(session: Session, { port, host }: ServeFlags): Promise<void> {
  const { output } = session;
  const { startServer } = await import('../../server/server.ts');
  const { LocalRunner } = await import('../../jobs/local-runner.ts');
  const { StoredJobs } = await import('../../jobs/stored-jobs.ts');
  await using repository = await session.openRepository();
  const file = await session.readConfig();
  await using runner = new LocalRunner(file, (error) =>
    output.note(`Jobs are tried again later: ${(error as Error).message}`),
  );
  const jobs = new StoredJobs(file, runner);
  const server = await startServer({ repository, jobs, host, port, token: process.env.HFSTORAGE_API_TOKEN });
  await runner.resume();
  const stopped = untilStopped();
  await (output.json ? output.value({ url: server.url }) : output.line(server.url));
  await stopped;
  output.note('Stopping; press Ctrl-C again to end at once.');
  await server.close();
}
