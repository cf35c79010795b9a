/** `hfstorage --remote URL migrateRepository`: the service migrates, this program follows the progress. */
import { setTimeout as sleep } from 'node:timers/promises';
import { collectionNames } from '../model/collections.ts';
import { newSortableId } from '../model/sortable-id.ts';
import { now } from '../model/timestamps.ts';
import { type ApiCall, ApiProblem } from '../remote/api-client.ts';
import { openRemoteRepository, type RemoteOptions } from '../remote/open-remote.ts';
import type { MigrationBody } from '../service/http/job-schemas.ts';
import type { MigrationJob } from '../service/jobs.ts';
import { CommandFailure, exitCodes } from './failures.ts';
import { differenceText, leftOutText } from './migration-tables.ts';
import type { Output } from './output.ts';
import { Progress } from './progress.ts';
import type { Session } from './session.ts';
import { displayText } from './tables.ts';

const POLL_MS = 2_000;

/** Starts a migration, waits for its end and prints the outcome. */
export async function migrateRemotely(
  session: Session,
  remote: RemoteOptions,
  settings: Omit<MigrationBody, 'migration_id'>,
  signal: AbortSignal,
): Promise<void> {
  await using repository = openRemoteRepository(remote);
  const call = async (request: ApiCall): Promise<MigrationJob> => {
    try {
      return (await repository.api.call(request)).body as unknown as MigrationJob;
    } catch (error) {
      throw error instanceof ApiProblem ? new CommandFailure(error.message, { cause: error }) : error;
    }
  };
  // With its own id, the call can be retried if its answer is lost.
  const body = { migration_id: newSortableId('migration', now()), ...settings };
  let job = await call({ method: 'POST', path: '/v1/migrations', body, effect: 'guarded' });
  session.output.note(`Migration ${job.id}`);
  using progress = new Progress(session.output);
  let toldOfWait = false;
  let shown: MigrationJob['collections'] | undefined;
  while (job.state === 'running' || job.state === 'waiting') {
    if (job.state === 'waiting' && !toldOfWait) session.output.note('It waits until other migrations have ended.');
    toldOfWait ||= job.state === 'waiting';
    showCopied(progress, job.collections, shown);
    shown = job.collections;
    await sleep(POLL_MS, undefined, { signal }).catch(() => {
      throw new CommandFailure(`The migration continues. Follow it with GET /v1/migrations/${job.id}.`);
    });
    job = await call({ method: 'GET', path: `/v1/migrations/${job.id}`, effect: 'read' });
  }
  progress[Symbol.dispose]();
  if (job.state === 'differences') session.exitCode = exitCodes.differences;
  if (job.state === 'failed' || job.state === 'interrupted') {
    throw new CommandFailure(job.failure ?? `The migration ${job.id} was interrupted.`);
  }
  await (session.output.json ? session.output.value(job) : printJob(session.output, job));
}

function showCopied(
  progress: Progress,
  now: MigrationJob['collections'],
  before: MigrationJob['collections'] | undefined,
): void {
  for (const name of collectionNames) {
    const more = now[name].read - (before?.[name].read ?? 0);
    if (more > 0) progress.add(`copy ${name}`, more, now[name].total);
  }
}

async function printJob(output: Output, job: MigrationJob): Promise<void> {
  const rows = collectionNames.map((name) => {
    const { read, copied, skipped } = job.collections[name];
    return [name, read, copied, read - copied - skipped, skipped].map(String);
  });
  await output.table(['collection', 'read', 'copied', 'already there', 'skipped'], rows);
  if (job.backup !== undefined) await output.line(`Backup of the source: ${displayText(job.backup)}`);
  if (job.state === 'differences') await printDifferences(output, job);
  else await output.line('Done.');
  const skipped = collectionNames.reduce((sum, name) => sum + job.collections[name].skipped, 0);
  if (skipped > 0) output.note(leftOutText(skipped));
}

async function printDifferences(output: Output, { differences = {}, differing = [] }: MigrationJob): Promise<void> {
  const found = Object.entries(differences).filter(([, count]) => count > 0);
  // Without a comparison, only the entities that were left out are known to differ.
  if (found.length === 0) return output.line('The stores were not compared.');
  await output.line(`The stores differ: ${found.map(([kind, count]) => `${count} ${kind}`).join(', ')}.`);
  const total = found.reduce((sum, [, count]) => sum + count, 0);
  for (const difference of differing) await output.line(differenceText(difference));
  if (total > differing.length) await output.line(`… and ${total - differing.length} more.`);
}
