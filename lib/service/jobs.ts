/** Work that continues after its call was answered. The local server runs it itself; on AWS a state machine does. */
import type { CollectionName } from '../model/collections.ts';
import type { BackupBody, MigrationBody } from './http/job-schemas.ts';
import type { ServiceRequest, ServiceResponse } from './service.ts';

/**
 * 'waiting' until other jobs have ended; 'running'; 'interrupted' if its process ended: it continues when the server starts
 * again; 'failed' if a person has to remove the cause; 'succeeded'; 'differences' if a migration has ended and the stores differ.
 */
export const jobStates = ['waiting', 'running', 'interrupted', 'failed', 'succeeded', 'differences'] as const;
export type JobState = (typeof jobStates)[number];

export const backupStates = [
  'waiting',
  'running',
  'interrupted',
  'failed',
  'complete',
  'incomplete',
  'damaged',
  'newer',
] as const;

export interface MigrationJob {
  readonly id: string;
  readonly state: JobState;
  /** Locations of the stores, without secrets. */
  readonly source: string;
  readonly target: string;
  readonly started_at: string;
  readonly updated_at: string;
  readonly collections: Readonly<
    Record<
      CollectionName,
      { readonly read: number; readonly copied: number; readonly skipped: number; readonly total?: number }
    >
  >;
  readonly backup?: string | undefined;
  /** Why it failed. */
  readonly failure?: string | undefined;
  /** Number of differing entities by kind, once it has ended with differences. */
  readonly differences?: Readonly<Record<string, number>> | undefined;
  /** The first twenty of them. */
  readonly differing?:
    | readonly { readonly collection: CollectionName; readonly id: string; readonly kind: string }[]
    | undefined;
}

export interface BackupJob {
  readonly id: string;
  readonly state: (typeof backupStates)[number];
  readonly created_at: string;
  readonly entities?: Readonly<Record<CollectionName, number>> | undefined;
  readonly bytes?: number | undefined;
  /** Whether it is a snapshot of the store at one moment. */
  readonly consistent?: boolean | undefined;
  readonly failure?: string | undefined;
}

/** Jobs of a kind run in the order in which they were started, as many at the same time as the configuration allows. */
export interface Jobs {
  /**
   * Starts a migration. The same id and order again starts nothing.
   * @throws RequestError request_differs if another migration has the id
   */
  startMigration(body: MigrationBody): Promise<MigrationJob>;
  /** Newest first. */
  migrations(): Promise<MigrationJob[]>;
  migration(id: string): Promise<MigrationJob | undefined>;
  /** Starts a backup. The same id again starts nothing, unless it was interrupted or has failed. */
  startBackup(order: BackupBody): Promise<BackupJob>;
  /** Portable and native ones, the newest first. */
  backups(): Promise<BackupJob[]>;
}

/** Serves one operation on jobs. */
export type JobsFunction = (jobs: Jobs, request: ServiceRequest) => Promise<ServiceResponse>;
