/**
 * Migrations and backups that the server was asked for. Each runs in a process of its own, the command line's, so that it
 * neither slows the API down nor ends with it; what it has done is in its log. When the server starts, it goes on with
 * those of its own that were interrupted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newBackupId } from '../backup/backup-id.ts';
import { type BackupLocation, openLocation } from '../backup/backup-location.ts';
import { type ListedBackup, listBackups, timeOf } from '../backup/list-backups.ts';
import type { ConfigFile } from '../config/load-config.ts';
import { newMigrationId, planOf } from '../migration/migrate-repository.ts';
import {
  isRunning,
  MigrationLog,
  type MigrationState,
  migrationIds,
  readMigration,
} from '../migration/migration-log.ts';
import { differencesOf } from '../migration/migration-report.ts';
import type { MigrationPlan } from '../migration/migration-settings.ts';
import { optionsOfOrder } from '../migration/order.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import { collectionNames } from '../model/collections.ts';
import { now } from '../model/timestamps.ts';
import type { BackupBody, MigrationBody } from '../service/job-schemas.ts';
import type { BackupJob, Jobs, MigrationJob } from '../service/jobs.ts';
import { RequestError } from '../service/request-error.ts';
import { type BackupRequest, BackupRequests } from './backup-requests.ts';
import { JobProcesses } from './job-process.ts';

export class LocalJobs implements Jobs, AsyncDisposable {
  readonly #file: ConfigFile;
  readonly #folder: string;
  readonly #processes: JobProcesses;
  readonly #requests: BackupRequests;
  #starting: Promise<unknown> = Promise.resolve();
  #closing = false;

  /** @param file the configuration of the service */
  constructor(file: ConfigFile) {
    this.#file = file;
    this.#folder = file.config.migration.state_location;
    this.#processes = new JobProcesses(file.path, this.#folder);
    this.#requests = new BackupRequests(this.#folder);
  }

  /** Goes on with what was interrupted when the server ended last. */
  async resume(): Promise<void> {
    for (const id of await migrationIds(this.#folder)) {
      const state = readMigration(this.#folder, id);
      const ended = state.report !== undefined || state.failure !== undefined;
      if (state.plan.origin === 'server' && !ended && !isRunning(this.#folder, id)) this.#run(id);
    }
    for (const { id, failure } of this.#requests.all()) if (failure === undefined) this.#takeBackup(id);
  }

  async startMigration(order: MigrationBody): Promise<MigrationJob> {
    // One after the other: the same call may arrive twice at once.
    const started = this.#starting.then(() => this.#startMigration(order));
    this.#starting = started.catch(() => {});
    return started;
  }

  async migrations(): Promise<MigrationJob[]> {
    const ids = await migrationIds(this.#folder);
    const jobs = ids.map((id) => this.#job(readMigration(this.#folder, id)));
    return jobs.sort((a, b) => (a.started_at < b.started_at ? 1 : -1));
  }

  async migration(id: string): Promise<MigrationJob | undefined> {
    if (!(await migrationIds(this.#folder)).includes(id)) return undefined;
    return this.#job(readMigration(this.#folder, id));
  }

  async startBackup({ backup_id: id = newBackupId('backup', now()) }: BackupBody): Promise<BackupJob> {
    const known = (await this.backups()).find((backup) => backup.id === id);
    // One that was cut off or has failed may be tried again.
    if (known?.state === 'running' || known?.state === 'complete') return known;
    const request = { id, requested_at: now() };
    this.#requests.put(request);
    this.#takeBackup(id);
    return this.#requestedBackup(request);
  }

  async backups(): Promise<BackupJob[]> {
    const listed = new Map(
      (await listBackups(await this.#location())).map((backup) => [backup.id, listedBackup(backup)]),
    );
    for (const request of this.#requests.all()) {
      if (listed.get(request.id)?.state === 'complete') this.#requests.remove(request.id);
      else listed.set(request.id, this.#requestedBackup(request));
    }
    return [...listed.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : -1));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing = true;
    await this.#processes.close();
  }

  async #startMigration(order: MigrationBody): Promise<MigrationJob> {
    const { migration_id: id = newMigrationId() } = order;
    const plan = planOf(await optionsOfOrder(this.#file, order), 'server');
    const ids = await migrationIds(this.#folder);
    if (ids.includes(id)) return this.#startedBefore(id, plan);
    for (const other of ids) this.#requireOtherStores(other, plan);
    MigrationLog.create(this.#folder, id, plan).close();
    this.#run(id);
    return this.#job(readMigration(this.#folder, id));
  }

  #run(id: string): void {
    this.#processes.start(id, ['migrateRepository', '--resume', id, '--yes']);
  }

  #takeBackup(id: string): void {
    this.#processes.start(id, ['backup', 'create', '--id', id], (code) => {
      if (code === 0) this.#requests.remove(id);
      // Ended by a signal, or told to stop: the next start goes on.
      else if (code !== null && !this.#closing)
        this.#requests.put({ id, requested_at: now(), failure: this.#lastWords(id) });
    });
  }

  /** The last line that the process of a job wrote. */
  #lastWords(name: string): string {
    const lines = readFileSync(join(this.#folder, `${name}.log`), 'utf8')
      .trimEnd()
      .split('\n');
    return (lines.at(-1) ?? '').replace(/^hfs: /, '');
  }

  #job(state: MigrationState): MigrationJob {
    const running = this.#processes.isRunning(state.id) || isRunning(this.#folder, state.id);
    const ended = state.report?.outcome ?? (state.failure === undefined ? 'interrupted' : 'failed');
    return {
      id: state.id,
      state: running && state.report === undefined ? 'running' : ended,
      source: state.plan.source.place,
      target: state.plan.target.place,
      started_at: state.startedAt,
      updated_at: state.updatedAt,
      collections: state.collections,
      ...(state.backup !== undefined && { backup: state.backup }),
      ...(state.failure !== undefined && !running && { failure: state.failure }),
      ...(state.report !== undefined && differencesOf(state.report)),
    };
  }

  #requestedBackup({ id, requested_at, failure }: BackupRequest): BackupJob {
    const stopped = failure === undefined ? 'interrupted' : 'failed';
    const state = this.#processes.isRunning(id) ? 'running' : stopped;
    return { id, state, created_at: requested_at, ...(failure !== undefined && { failure }) };
  }

  /** The same order again gets the same answer. */
  #startedBefore(id: string, plan: MigrationPlan): MigrationJob {
    const state = readMigration(this.#folder, id);
    if (canonicalJson(state.plan) !== canonicalJson(plan)) {
      const detail = `The migration ${JSON.stringify(id)} was ordered otherwise before. Choose another migration_id.`;
      throw new RequestError('request_differs', detail);
    }
    return this.#job(state);
  }

  /** @throws RequestError where a migration that is not finished writes to the same target */
  #requireOtherStores(id: string, plan: MigrationPlan): void {
    const state = readMigration(this.#folder, id);
    if (state.plan.target.place !== plan.target.place || this.#job(state).state !== 'running') return;
    const detail = `The migration ${JSON.stringify(id)} to the same target is running. Wait until it has ended.`;
    throw new RequestError('migration_running', detail);
  }

  async #location(): Promise<BackupLocation> {
    const { location, ...settings } = this.#file.config.backup;
    return openLocation(location, settings);
  }
}

function listedBackup(backup: ListedBackup): BackupJob {
  const { id, state, bytes } = backup;
  const created_at = timeOf(backup);
  if (backup.state !== 'complete') return { id, state, created_at, bytes, failure: backup.reason };
  const { collections, consistent } = backup.manifest;
  const entities = Object.fromEntries(collectionNames.map((name) => [name, collections[name].entities]));
  return { id, state, created_at, bytes, consistent, entities: entities as NonNullable<BackupJob['entities']> };
}
