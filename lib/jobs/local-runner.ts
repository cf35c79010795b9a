/**
 * Runs the jobs of a server in processes of their own, the command line's, so that they neither slow the API down nor end with
 * it. When the server starts, it continues those that were interrupted, in the order in which they were ordered.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type BackupFailure, backupStateOf, orderedBackups } from '../backup/backup-order.ts';
import type { ConfigFile } from '../config/load-config.ts';
import { packageRoot } from '../config/package-root.ts';
import { migrationIds, openStates, stateOf } from '../migration/plan.ts';
import { readRecord } from '../migration/record.ts';
import { now } from '../model/timestamps.ts';
import { PRIVATE_FOLDER } from '../objects/file-owner.ts';
import { UnsupportedOperationError } from '../repository/errors.ts';
import {
  isQueued,
  isRunning,
  type JobKind,
  jobKinds,
  requireStateFolder,
  takeQueueLock,
  takeStartLock,
} from '../transfer/job-locks.ts';
import type { WorkState } from '../transfer/work-state.ts';
import type { Activity, JobRunner } from './runner.ts';
import { Turns } from './turns.ts';

/** How long processes have to finish what is under way when the server ends. */
const STOP_TIMEOUT_MS = 30_000;
/** How often it is asked whether a turn has come: jobs of other servers end unnoticed. */
const POLL_MS = 1_000;
const START_POLL_MS = 50;

/** A job in the queue of this server. */
interface Queued {
  readonly id: string;
  readonly asked: string;
  readonly lock: Disposable;
  /** Settled once it is known whether the job runs at once or has to wait. */
  readonly decided: PromiseWithResolvers<void>;
}

interface Running {
  readonly child: ChildProcess;
  readonly ended: Promise<void>;
}

export class LocalRunner implements JobRunner, AsyncDisposable {
  readonly #file: ConfigFile;
  readonly #folder: string;
  readonly #running: Record<JobKind, Map<string, Running>> = { migration: new Map(), backup: new Map() };
  readonly #queues: Record<JobKind, Queued[]> = { migration: [], backup: [] };
  readonly #working: Record<JobKind, Promise<void> | undefined> = { migration: undefined, backup: undefined };
  readonly #closing = new AbortController();
  readonly #report: (error: unknown) => void;

  /**
   * @param file the configuration of the service
   * @param report called with an error that nobody waits for; the jobs in question are tried again later
   */
  constructor(file: ConfigFile, report: (error: unknown) => void) {
    this.#file = file;
    this.#folder = requireStateFolder(file.config.migration.state_location);
    this.#report = report;
  }

  /** Queues the jobs that were interrupted when a server ended. */
  async resume(): Promise<void> {
    const states = await openStates(this.#file.config);
    const orders = await orderedBackups(states);
    for (const { id, ordered_at } of orders.sort((a, b) => (a.ordered_at < b.ordered_at ? -1 : 1))) {
      const failure = await backupStateOf(states, id).read<BackupFailure>('failure');
      if (failure === undefined || failure.resumed) this.#enqueue('backup', id, ordered_at);
    }
    const records = await Promise.all((await migrationIds(states)).map((id) => readRecord(states, id)));
    const interrupted = records.filter(
      (record) =>
        record?.plan.origin === 'server' &&
        record.report === undefined &&
        (record.failure === undefined || record.failure.resumed === true),
    );
    const plans = interrupted.map((record) => record?.plan).filter((plan) => plan !== undefined);
    for (const { id, started_at } of plans.sort((a, b) => (a.started_at < b.started_at ? -1 : 1))) {
      this.#enqueue('migration', id, started_at);
    }
    for (const kind of jobKinds) this.#workOff(kind);
  }

  async start(kind: JobKind, id: string, asked: string): Promise<void> {
    if (packageRoot() === undefined) {
      throw new UnsupportedOperationError('Jobs need the command line, which is not installed.');
    }
    const state = this.#stateOf(await openStates(this.#file.config), kind, id);
    const failure = await state.read<BackupFailure>('failure');
    if (failure !== undefined) await state.write('failure', { ...failure, resumed: true } satisfies BackupFailure);
    const queued = this.#enqueue(kind, id, asked);
    this.#workOff(kind);
    await queued?.decided.promise;
  }

  async activityOf(kind: JobKind, id: string): Promise<Activity | undefined> {
    if (this.#running[kind].has(id) || isRunning(this.#folder, kind, id)) return 'running';
    return isQueued(this.#folder, kind, id) ? 'waiting' : undefined;
  }

  /** Tells all processes to stop after what is under way, and waits for them. The next start continues. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    await Promise.all(jobKinds.map((kind) => this.#working[kind]));
    const running = jobKinds.flatMap((kind) => [...this.#running[kind].values()]);
    await Promise.all(
      running.map(async ({ child, ended }) => {
        const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS);
        child.kill('SIGTERM');
        await ended;
        clearTimeout(timer);
      }),
    );
    for (const kind of jobKinds) for (const { lock } of this.#queues[kind].splice(0)) lock[Symbol.dispose]();
  }

  /** @returns undefined if the job is active already: it runs, or is in the queue of this server or of another one */
  #enqueue(kind: JobKind, id: string, asked: string): Queued | undefined {
    if (this.#running[kind].has(id) || isRunning(this.#folder, kind, id)) return undefined;
    const lock = takeQueueLock(this.#folder, kind, id);
    if (lock === undefined) return undefined;
    const queued = { id, asked, lock, decided: Promise.withResolvers<void>() };
    if (this.#queues[kind].push(queued) > 1) queued.decided.resolve();
    return queued;
  }

  /** Starts the jobs of a queue, each when it is its turn. */
  #workOff(kind: JobKind): void {
    this.#working[kind] ??= this.#startAll(kind).finally(() => {
      this.#working[kind] = undefined;
    });
  }

  async #startAll(kind: JobKind): Promise<void> {
    const { signal } = this.#closing;
    const queue = this.#queues[kind];
    while (queue.length > 0 && !signal.aborted) {
      const [first] = queue as [Queued];
      const isStarted = await this.#startInTurn(kind, first).catch(this.#report);
      first.decided.resolve();
      if (isStarted) {
        queue.shift();
        first.lock[Symbol.dispose]();
        continue;
      }
      const ends = [...this.#running[kind].values()].map(({ ended }) => ended);
      await Promise.race([...ends, sleep(POLL_MS, undefined, { signal }).catch(() => {})]);
    }
  }

  /** @returns whether the job was started */
  async #startInTurn(kind: JobKind, { id, asked, decided }: Queued): Promise<boolean> {
    using starting = takeStartLock(this.#folder, kind);
    if (starting === undefined) return false;
    const states = await openStates(this.#file.config);
    const limit = this.#file.config[kind].jobs_at_once;
    const isActive = async (other: string): Promise<boolean> => (await this.activityOf(kind, other)) !== undefined;
    const turns = new Turns({ states, kind, limit, isActive });
    // One that had a turn before and was interrupted still has it.
    if (!(await turns.take(id, asked))) return false;
    const running = this.#spawn(kind, id, this.#stateOf(states, kind, id));
    decided.resolve();
    const ended = running.ended.then(() => true);
    // Until then another server would take its turn for one that is over.
    while (!isRunning(this.#folder, kind, id)) {
      if (await Promise.race([ended, sleep(START_POLL_MS, false)])) break;
    }
    return true;
  }

  #spawn(kind: JobKind, id: string, state: WorkState): Running {
    const name = `${kind}-${id}`;
    const logPath = join(this.#folder, `${name}.log`);
    mkdirSync(this.#folder, { recursive: true, mode: PRIVATE_FOLDER });
    const log = openSync(logPath, 'a', 0o600);
    const args =
      kind === 'migration' ? ['migrateRepository', '--resume', id, '--yes'] : ['backup', 'create', '--id', id];
    const program = join(packageRoot() as string, 'bin', 'hfstorage.js');
    const child = spawn(process.execPath, [program, ...args, '--config', this.#file.path, '--json'], {
      stdio: ['ignore', log, log],
    });
    closeSync(log);
    const { promise, resolve } = Promise.withResolvers<number | null>();
    child.once('exit', resolve).once('error', () => resolve(null));
    const ended = promise.then(async (code) => {
      this.#running[kind].delete(id);
      // Ended by a signal, or told to stop: the next start continues.
      if (code === null || this.#closing.signal.aborted) return;
      await noteFailure(state, code, logPath).catch(this.#report);
    });
    const running = { child, ended };
    this.#running[kind].set(id, running);
    return running;
  }

  #stateOf(states: Parameters<typeof stateOf>[0], kind: JobKind, id: string): WorkState {
    return kind === 'migration' ? stateOf(states, id) : backupStateOf(states, id);
  }
}

/** Exit code of a job that has found differences: it is done. */
const DIFFERENCES = 3;

/** Stores why a process has failed, if it could not do so itself: it may not even have read its configuration. */
async function noteFailure(state: WorkState, code: number, logPath: string): Promise<void> {
  if (code === 0 || code === DIFFERENCES) return;
  const failure = await state.read<BackupFailure>('failure');
  if (failure !== undefined && !failure.resumed) return;
  const lines = readFileSync(logPath, 'utf8').trimEnd().split('\n');
  const message = (lines.at(-1) ?? '').replace(/^hfstorage: /, '');
  await state.write('failure', { at: now(), message } satisfies BackupFailure);
}
