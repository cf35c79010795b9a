/** Locks that tell the processes of a machine which jobs run and which wait. The kernel releases them with their process. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { isS3BasePath } from '../config/json-strategy.ts';
import { PRIVATE_FOLDER } from '../objects/file-owner.ts';
import { BackupError, MigrationError } from '../repository/errors.ts';
import { RunLock } from './run-lock.ts';

export const jobKinds = ['migration', 'backup'] as const;
export type JobKind = (typeof jobKinds)[number];

const folderOf = (stateFolder: string): string => join(requireStateFolder(stateFolder), 'locks');

/** @throws MigrationError if the state is in a bucket, where processes of a machine cannot lock it */
export function requireStateFolder(stateLocation: string): string {
  if (!isS3BasePath(stateLocation)) return stateLocation;
  throw new MigrationError(
    `migration.state_location is ${stateLocation}, where the state machines of a deployment keep their state. Name a folder ` +
      'for the migrations and backups of this machine.',
  );
}

function take(stateFolder: string, name: string, waitMs?: number): RunLock | undefined {
  const folder = folderOf(stateFolder);
  try {
    mkdirSync(folder, { recursive: true, mode: PRIVATE_FOLDER });
    return RunLock.take(folder, name, waitMs);
  } catch (cause) {
    const message = `${folder} cannot be written: ${(cause as Error).message}. Correct migration.state_location.`;
    throw new MigrationError(message, { cause });
  }
}

const Failures = { migration: MigrationError, backup: BackupError } as const;

/** Held by the process that runs a job. @throws MigrationError, BackupError if another process runs it */
export function takeJobLock(stateFolder: string, kind: JobKind, id: string): RunLock {
  const lock = take(stateFolder, `${kind}-${id}`);
  if (lock === undefined) throw new Failures[kind](`The ${kind} ${id} is running in another process: wait for it.`);
  return lock;
}

/** Whether a process of this machine runs a job. */
export const isRunning = (stateFolder: string, kind: JobKind, id: string): boolean =>
  isHeld(stateFolder, `${kind}-${id}`);

/** Held by the server in whose queue a job is; undefined if it is in that of another one. */
export const takeQueueLock = (stateFolder: string, kind: JobKind, id: string): RunLock | undefined =>
  take(stateFolder, `queued-${kind}-${id}`);

export const isQueued = (stateFolder: string, kind: JobKind, id: string): boolean =>
  isHeld(stateFolder, `queued-${kind}-${id}`);

/** Held from the moment a job gets its turn until its process runs; undefined if another server has it. */
export const takeStartLock = (stateFolder: string, kind: JobKind): RunLock | undefined =>
  take(stateFolder, `starting-${kind}`, 0);

const isHeld = (stateFolder: string, name: string): boolean => {
  using lock = take(stateFolder, name, 0);
  return lock === undefined;
};
