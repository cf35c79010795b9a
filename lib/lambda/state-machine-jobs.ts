/** Migrations and backups of a deployment: each is an execution of a state machine, and what it has done is in S3. */
import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  ListExecutionsCommand,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import { newSortableId } from '../backup/backup-id.ts';
import { type BackupSummary, summariesOf } from '../backup/backup-summary.ts';
import type { UnitProgress } from '../backup/run-unit.ts';
import type { TaskState } from '../backup/task-state.ts';
import type { CopiedBatch } from '../migration/copy-segment.ts';
import { newMigrationId } from '../migration/migrate-repository.ts';
import { differencesOf, type MigrationReport, type Preflight } from '../migration/migration-report.ts';
import { type PlannedMigration, plannedMigrations, stateOf } from '../migration/planned-migration.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import { now } from '../model/timestamps.ts';
import { ConfigurationError } from '../repository/errors.ts';
import type { BackupBody, MigrationBody } from '../service/http/job-schemas.ts';
import { RequestError } from '../service/http/request-error.ts';
import type { BackupJob, JobState, Jobs, MigrationJob } from '../service/jobs.ts';
import { backupLocation, stateLocation } from './deployed-stores.ts';
import { planned } from './migration-plans.ts';
import type { Failure } from './migration-task.ts';

type JobKind = 'migration' | 'backup';

/** Variables with the ARNs of the state machines. */
const variables = {
  migration: 'HFSTORAGE_MIGRATION_STATE_MACHINE',
  backup: 'HFSTORAGE_BACKUP_STATE_MACHINE',
} as const satisfies Record<JobKind, string>;

/** Executions that are asked about at the same time. */
const MAX_LISTED = 50;

export class StateMachineJobs implements Jobs {
  readonly #client = new SFNClient({});

  async startMigration(order: MigrationBody): Promise<MigrationJob> {
    const { migration_id: id = newMigrationId(), ...rest } = order;
    const plan = await planned(id, rest);
    const state = stateOf(await stateLocation(), id);
    const before = await state.read<PlannedMigration>('plan');
    if (before !== undefined && !isSameOrder(before, plan)) {
      const detail = `The migration ${JSON.stringify(id)} was ordered otherwise before. Choose another migration_id.`;
      throw new RequestError('request_differs', detail);
    }
    const isStarted = await this.#isStarted('migration', id);
    if (before === undefined) await state.write('plan', plan);
    if (!isStarted) await this.#start('migration', id, { migration_id: id });
    return this.#job(state, before ?? plan);
  }

  async migrations(): Promise<MigrationJob[]> {
    const location = await stateLocation();
    const ids = (await plannedMigrations(location)).toSorted().toReversed().slice(0, MAX_LISTED);
    const jobs = await Promise.all(ids.map((id) => this.migration(id)));
    return jobs.filter((job) => job !== undefined).sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  }

  async migration(id: string): Promise<MigrationJob | undefined> {
    const state = stateOf(await stateLocation(), id);
    const plan = await state.read<PlannedMigration>('plan');
    return plan === undefined ? undefined : this.#job(state, plan);
  }

  async startBackup({ backup_id: id = newSortableId('backup', now()) }: BackupBody): Promise<BackupJob> {
    const known = (await this.backups()).find((backup) => backup.id === id);
    if (known?.state === 'running' || known?.state === 'complete') return known;
    if (!(await this.#isStarted('backup', id))) await this.#start('backup', id, { backup_id: id });
    return { id, state: 'running', created_at: now() };
  }

  async backups(): Promise<BackupJob[]> {
    const summaries = (await summariesOf(await backupLocation())).toReversed();
    return Promise.all(
      summaries.map(async (summary) =>
        summary.state === 'incomplete' && (await this.#status('backup', summary.id)) === 'RUNNING'
          ? { id: summary.id, state: 'running', created_at: summary.created_at }
          : backupJob(summary),
      ),
    );
  }

  async #job(state: TaskState, plan: PlannedMigration): Promise<MigrationJob> {
    const [report, failure, status] = await Promise.all([
      state.read<MigrationReport>('report'),
      state.read<Failure>('failure'),
      this.#status('migration', plan.id),
    ]);
    const running = status === 'RUNNING' || status === 'PENDING_REDRIVE';
    const failed: JobState = failure === undefined || failure.resumed ? 'interrupted' : 'failed';
    const ended = report?.outcome ?? (running ? 'running' : failed);
    return {
      id: plan.id,
      state: ended,
      source: plan.source.place,
      target: plan.target.place,
      started_at: plan.started_at,
      updated_at: report?.finishedAt ?? failure?.at ?? now(),
      collections: report?.collections ?? (await this.#progress(state, plan)),
      ...(report?.backup !== undefined && { backup: report.backup }),
      ...(failure !== undefined && ended === 'failed' && { failure: failure.message }),
      ...(report !== undefined && differencesOf(report)),
    };
  }

  /** What the units have copied so far. */
  async #progress(state: TaskState, { settings }: PlannedMigration): Promise<MigrationJob['collections']> {
    const checked = await state.read<Preflight>('checked');
    const collected = collectionNames.map(
      async (name): Promise<[CollectionName, MigrationJob['collections'][CollectionName]]> => {
        const units = Array.from({ length: settings.parallelWorkers }, (_, segment) =>
          state.read<UnitProgress<CopiedBatch>>(`copy/${name}-${segment}`),
        );
        const done = (await Promise.all(units)).filter((unit) => unit !== undefined).map(({ result }) => result);
        const sum = (key: keyof CopiedBatch): number => done.reduce((total, batch) => total + batch[key], 0);
        const counts = { read: sum('read'), copied: sum('copied'), skipped: sum('skipped') };
        return [name, checked === undefined ? counts : { ...counts, total: checked.totals[name] }];
      },
    );
    return Object.fromEntries(await Promise.all(collected)) as MigrationJob['collections'];
  }

  /**
   * Whether the job of an id was started before.
   * @throws RequestError where it was not and another one is running. Of two that are ordered at the same moment both may begin
   */
  async #isStarted(kind: JobKind, id: string): Promise<boolean> {
    if ((await this.#status(kind, id)) !== undefined) return true;
    const running = { stateMachineArn: stateMachine(variables[kind]), statusFilter: 'RUNNING', maxResults: 1 } as const;
    const [other] = (await this.#client.send(new ListExecutionsCommand(running))).executions ?? [];
    if (other === undefined || other.name === id) return other !== undefined;
    throw new RequestError(
      `${kind}_running`,
      `The ${kind} ${JSON.stringify(other.name)} is running. Wait until it has ended.`,
    );
  }

  /** Starts an execution, or finds that it was started before. */
  async #start(kind: JobKind, name: string, input: object): Promise<void> {
    try {
      const command = { stateMachineArn: stateMachine(variables[kind]), name, input: JSON.stringify(input) };
      await this.#client.send(new StartExecutionCommand(command));
    } catch (error) {
      if (!(error instanceof ExecutionAlreadyExists)) throw error;
    }
  }

  async #status(kind: JobKind, name: string): Promise<string | undefined> {
    const executionArn = `${stateMachine(variables[kind]).replace(':stateMachine:', ':execution:')}:${name}`;
    try {
      return (await this.#client.send(new DescribeExecutionCommand({ executionArn }))).status;
    } catch (error) {
      if (error instanceof ExecutionDoesNotExist) return undefined;
      throw error;
    }
  }
}

function stateMachine(variable: string): string {
  const arn = process.env[variable];
  if (arn !== undefined) return arn;
  throw new ConfigurationError(`The environment variable ${variable} is not set: deploy this function again.`);
}

const isSameOrder = (a: PlannedMigration, b: PlannedMigration): boolean =>
  canonicalJson({ ...a, started_at: '' }) === canonicalJson({ ...b, started_at: '' });

function backupJob({ id, state, created_at, bytes, entities, consistent, reason }: BackupSummary): BackupJob {
  return { id, state, created_at, bytes, entities, consistent, failure: reason };
}
