/** Migrations and backups that the API was asked for. Their orders and their progress are stored; a runner runs them. */
import {
  type BackupFailure,
  type BackupOrder,
  backupStateOf,
  orderBackup,
  orderedBackups,
} from '../backup/backup-order.ts';
import { type BackupSummary, summariesOf } from '../backup/backup-summary.ts';
import type { ConfigFile } from '../config/load-config.ts';
import {
  createPlan,
  type MigrationPlan,
  migrationIds,
  newMigrationId,
  openStates,
  planOf,
  readPlan,
} from '../migration/plan.ts';
import { type MigrationRecord, readRecord } from '../migration/record.ts';
import { differencesOf } from '../migration/report.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { newSortableId } from '../model/sortable-id.ts';
import { now } from '../model/timestamps.ts';
import type { Location } from '../objects/location.ts';
import { openLocation } from '../objects/open-location.ts';
import type { BackupBody, MigrationBody } from '../service/http/job-schemas.ts';
import { RequestError } from '../service/http/request-error.ts';
import type { BackupJob, Jobs, MigrationJob } from '../service/jobs.ts';
import { orderOf } from './migration-order.ts';
import type { JobRunner } from './runner.ts';

/** Migrations that a list shows. */
const MAX_LISTED = 50;

export class StoredJobs implements Jobs {
  readonly #file: ConfigFile;
  readonly #runner: JobRunner;

  /** @param file the configuration of the service */
  constructor(file: ConfigFile, runner: JobRunner) {
    this.#file = file;
    this.#runner = runner;
  }

  async startMigration(body: MigrationBody): Promise<MigrationJob> {
    const { migration_id: id = newMigrationId() } = body;
    const plan = planOf(await orderOf(this.#file, body), id, 'server');
    const states = await openStates(this.#file.config);
    if (!(await createPlan(states, plan)) && !isSameOrder(await readPlan(states, id), plan)) {
      const detail = `The migration ${JSON.stringify(id)} was ordered with other settings before. Choose another migration_id.`;
      throw new RequestError('request_differs', detail);
    }
    const record = (await readRecord(states, id)) as MigrationRecord;
    // One that has failed waits for a person; of one that nobody has begun, the first call may have been cut off here.
    if (!record.isBegun) await this.#runner.start('migration', id, record.plan.started_at);
    return this.#migrationJob(record);
  }

  async migrations(): Promise<MigrationJob[]> {
    const states = await openStates(this.#file.config);
    const ids = (await migrationIds(states)).toReversed().slice(0, MAX_LISTED);
    const records = (await Promise.all(ids.map((id) => readRecord(states, id)))).filter((each) => each !== undefined);
    const jobs = await Promise.all(records.map((record) => this.#migrationJob(record)));
    return jobs.sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  }

  async migration(id: string): Promise<MigrationJob | undefined> {
    const states = await openStates(this.#file.config);
    const record = await readRecord(states, id);
    return record && this.#migrationJob(record);
  }

  async startBackup({ backup_id: id = newSortableId('backup', now()) }: BackupBody): Promise<BackupJob> {
    const known = (await this.#summaries()).find((backup) => backup.id === id);
    if (known?.state === 'complete') return backupJob(known);
    const states = await openStates(this.#file.config);
    const order = await orderBackup(states, id);
    // One that was interrupted or has failed may be tried again.
    await this.#runner.start('backup', id, order.ordered_at);
    return this.#orderedJob(states, order);
  }

  async backups(): Promise<BackupJob[]> {
    const states = await openStates(this.#file.config);
    const [summaries, orders] = await Promise.all([this.#summaries(), orderedBackups(states)]);
    const complete = new Set(summaries.filter(({ state }) => state === 'complete').map(({ id }) => id));
    const ordered = orders.filter(({ id }) => !complete.has(id));
    const orderedIds = new Set(ordered.map(({ id }) => id));
    const jobs = [
      ...summaries.filter(({ id }) => !orderedIds.has(id)).map(backupJob),
      ...(await Promise.all(ordered.map((order) => this.#orderedJob(states, order)))),
    ];
    return jobs.sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  async #migrationJob(record: MigrationRecord): Promise<MigrationJob> {
    const { plan, report, failure, collections } = record;
    const { id } = plan;
    const active = report === undefined ? await this.#runner.activityOf('migration', id) : undefined;
    const stopped = failure === undefined || failure.resumed ? 'interrupted' : 'failed';
    const state = report?.outcome ?? active ?? stopped;
    return {
      id,
      state,
      source: plan.source.place,
      target: plan.target.place,
      started_at: plan.started_at,
      updated_at: (state === 'failed' ? failure?.at : record.at) ?? plan.started_at,
      collections,
      ...(report?.backup !== undefined && { backup: report.backup }),
      ...(state === 'failed' && { failure: failure?.message }),
      ...(report !== undefined && differencesOf(report)),
    };
  }

  async #orderedJob(states: Location, { id, ordered_at: created_at }: BackupOrder): Promise<BackupJob> {
    const active = await this.#runner.activityOf('backup', id);
    if (active !== undefined) return { id, state: active, created_at };
    const failure = await backupStateOf(states, id).read<BackupFailure>('failure');
    if (failure === undefined || failure.resumed) return { id, state: 'interrupted', created_at };
    return { id, state: 'failed', created_at, failure: failure.message };
  }

  async #summaries(): Promise<BackupSummary[]> {
    const { location, ...settings } = this.#file.config.backup;
    return summariesOf(await openLocation(location, settings));
  }
}

const isSameOrder = (a: MigrationPlan, b: MigrationPlan): boolean =>
  canonicalJson({ ...a, started_at: '' }) === canonicalJson({ ...b, started_at: '' });

const backupJob = ({ id, state, created_at, bytes, entities, consistent, reason }: BackupSummary): BackupJob => ({
  id,
  state,
  created_at,
  bytes,
  ...(consistent !== undefined && { consistent }),
  ...(entities !== undefined && { entities }),
  ...(reason !== undefined && { failure: reason }),
});
