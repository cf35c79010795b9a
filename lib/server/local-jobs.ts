/**
 * Migrations and backups that the server was asked for. Each runs in a process of its own, the command line's, so that it
 * neither slows the API down nor ends with it; what it has done is in its log. When the server starts, it goes on with
 * those of its own that were interrupted.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { newSortableId } from '../backup/backup-id.ts';
import type { BackupLocation } from '../backup/backup-location.ts';
import { type ListedBackup, listBackups, timeOf } from '../backup/list-backups.ts';
import { openLocation } from '../backup/open-location.ts';
import type { ConfigFile } from '../config/load-config.ts';
import { loggedError, logger } from '../lambda/api-log.ts';
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
import type { BackupBody, MigrationBody } from '../service/http/job-schemas.ts';
import { RequestError } from '../service/http/request-error.ts';
import type { BackupJob, Jobs, MigrationJob } from '../service/jobs.ts';
import { RunLock } from '../transfer/run-lock.ts';
import { type BackupRequest, BackupRequests } from './backup-requests.ts';
import { JobProcesses } from './job-process.ts';
import { type JobKind, JobSlot } from './job-slot.ts';

export class LocalJobs implements Jobs, AsyncDisposable {
  readonly #file: ConfigFile;
  readonly #folder: string;
  readonly #processes: JobProcesses;
  readonly #requests: BackupRequests;
  readonly #semaphore: Readonly<Record<JobKind, JobSlot>>;
  /** Jobs that were interrupted when the server ended last, and wait for those before them. */
  readonly #interrupted: Record<JobKind, string[]> = { migration: [], backup: [] };
  #closing = false;

  /** @param file the configuration of the service */
  constructor(file: ConfigFile) {
    this.#file = file;
    this.#folder = file.config.migration.state_location;
    this.#processes = new JobProcesses(file.path, this.#folder);
    this.#requests = new BackupRequests(this.#folder);
    this.#semaphore = {
      migration: new JobSlot(this.#folder, 'migration'),
      backup: new JobSlot(this.#folder, 'backup'),
    };
  }

  /** Goes on with what was interrupted when the server ended last, one job of a kind after the other. */
  async resume(): Promise<void> {
    this.#interrupted.migration = (await migrationIds(this.#folder)).filter((id) => this.#isInterrupted(id));
    this.#interrupted.backup = this.#requests.all().map(({ id }) => id);
    this.#goOn('migration');
    this.#goOn('backup');
  }

  startMigration(order: MigrationBody): Promise<MigrationJob> {
    return this.#semaphore.migration.inTurn(() => this.#startMigration(order));
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

  startBackup({ backup_id }: BackupBody): Promise<BackupJob> {
    return this.#semaphore.backup.inTurn(() => this.#startBackup(backup_id));
  }

  async backups(): Promise<BackupJob[]> {
    const listed = new Map(
      (await listBackups(await this.#location())).map((backup) => [backup.id, listedBackup(backup)]),
    );
    for (const request of this.#requests.all()) {
      const isDone = listed.get(request.id)?.state === 'complete' && !this.#isTaken(request.id);
      if (isDone) this.#requests.remove(request.id);
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
    for (const other of ids) this.#requireNotRunning(other);
    const slot = this.#semaphore.migration;
    slot.take(id);
    try {
      MigrationLog.create(this.#folder, id, plan).close();
      this.#run(id);
    } catch (error) {
      slot.free();
      throw error;
    }
    return this.#job(readMigration(this.#folder, id));
  }

  async #startBackup(given: string | undefined): Promise<BackupJob> {
    const known = given === undefined ? undefined : (await this.backups()).find(({ id }) => id === given);
    // One that was cut off or has failed may be tried again.
    if (known?.state === 'running' || known?.state === 'complete') return known;
    const slot = this.#semaphore.backup;
    const running = this.#requests.all().find((request) => this.#isTaken(request.id));
    if (running !== undefined) throw slot.busy(running.id);
    const request = { id: given ?? newSortableId('backup', now()), requested_at: now() };
    slot.take(request.id);
    try {
      this.#requests.put(request);
      this.#takeBackup(request.id);
    } catch (error) {
      slot.free();
      throw error;
    }
    return this.#requestedBackup(request);
  }

  /** Starts the process of a migration that has the slot. */
  #run(id: string): void {
    this.#processes.start(id, ['migrateRepository', '--resume', id, '--yes'], () => this.#ended('migration'));
  }

  /** Starts the process of a backup that has the slot. */
  #takeBackup(id: string): void {
    this.#processes.start(processOf(id), ['backup', 'create', '--id', id], (code) => {
      if (code === 0) this.#requests.remove(id);
      // Ended by a signal, or told to stop: the next start goes on.
      else if (code !== null && !this.#closing)
        this.#requests.put({ id, requested_at: now(), failure: this.#lastWords(processOf(id)) });
      this.#ended('backup');
    });
  }

  #ended(kind: JobKind): void {
    this.#semaphore[kind].free();
    try {
      this.#goOn(kind);
    } catch (error) {
      logger.error('interrupted jobs wait for the next start of the server', { error: loggedError(error) });
    }
  }

  /** Starts the next job that was interrupted, unless another one has begun. */
  #goOn(kind: JobKind): void {
    if (this.#closing) return;
    const id = this.#interrupted[kind].find((each) =>
      kind === 'migration' ? this.#isInterrupted(each) : this.#isInterruptedBackup(each),
    );
    if (id === undefined || !this.#semaphore[kind].tryTake(id)) return;
    this.#interrupted[kind] = this.#interrupted[kind].filter((each) => each !== id);
    if (kind === 'migration') this.#run(id);
    else this.#takeBackup(id);
  }

  #isInterrupted(id: string): boolean {
    const { plan, report, failure } = readMigration(this.#folder, id);
    if (plan.origin !== 'server' || report !== undefined || failure !== undefined) return false;
    return !isRunning(this.#folder, id);
  }

  #isInterruptedBackup(id: string): boolean {
    const request = this.#requests.all().find((each) => each.id === id);
    return request !== undefined && request.failure === undefined && !this.#isTaken(id);
  }

  /** Whether a process makes the backup: one of this server, or of another that shares the folder. */
  #isTaken(id: string): boolean {
    return this.#processes.isRunning(processOf(id)) || RunLock.isHeld(this.#folder, `backup-${id}`);
  }

  /** The last line that the process of a job wrote. */
  #lastWords(name: string): string {
    const lines = readFileSync(join(this.#folder, `${name}.log`), 'utf8')
      .trimEnd()
      .split('\n');
    return (lines.at(-1) ?? '').replace(/^hfstorage: /, '');
  }

  #job(state: MigrationState): MigrationJob {
    // Until its process has ended, no other one can begin.
    const isFinished = state.report !== undefined;
    const running = this.#processes.isRunning(state.id) || (!isFinished && isRunning(this.#folder, state.id));
    const ended = state.report?.outcome ?? (state.failure === undefined ? 'interrupted' : 'failed');
    return {
      id: state.id,
      state: running ? 'running' : ended,
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
    if (this.#isTaken(id)) return { id, state: 'running', created_at: requested_at };
    return { id, state: stopped, created_at: requested_at, ...(failure !== undefined && { failure }) };
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

  /** @throws RequestError where a migration is running, also one that the server has not started */
  #requireNotRunning(id: string): void {
    if (this.#job(readMigration(this.#folder, id)).state === 'running') throw this.#semaphore.migration.busy(id);
  }

  async #location(): Promise<BackupLocation> {
    const { location, ...settings } = this.#file.config.backup;
    return openLocation(location, settings);
  }
}

/** A migration may have the same id. */
const processOf = (backup: string): string => `${backup}.backup`;

function listedBackup(backup: ListedBackup): BackupJob {
  const { id, state, bytes } = backup;
  const created_at = timeOf(backup);
  if (backup.state !== 'complete') return { id, state, created_at, bytes, failure: backup.reason };
  const { collections, consistent } = backup.manifest;
  const entities = Object.fromEntries(collectionNames.map((name) => [name, collections[name].entities]));
  return { id, state, created_at, bytes, consistent, entities: entities as NonNullable<BackupJob['entities']> };
}
