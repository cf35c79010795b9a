/** A backup that was asked for: its state from the order until it is complete. */
import { now } from '../model/timestamps.ts';
import type { Location } from '../objects/location.ts';
import { StoredState, type WorkState } from '../transfer/work-state.ts';

const FOLDER = 'backups';
const ORDER = 'order';

export interface BackupOrder {
  readonly id: string;
  readonly ordered_at: string;
}

/** Why a backup failed last: the object `failure`. */
export interface BackupFailure {
  readonly at: string;
  readonly message: string;
  /** How often its execution had been redriven, on AWS. */
  readonly redrive_count?: number;
  /** Whether it was started again since. */
  readonly resumed?: boolean;
}

export const backupStateOf = (states: Location, id: string): WorkState => new StoredState(states, `${FOLDER}/${id}`);

/** Stores the order of a backup, unless there is one: of two that are given at the same time one is. */
export async function orderBackup(states: Location, id: string): Promise<BackupOrder> {
  const state = backupStateOf(states, id);
  const order: BackupOrder = { id, ordered_at: now() };
  return (await state.create(ORDER, order)) ? order : ((await state.read<BackupOrder>(ORDER)) ?? order);
}

/** The backups that were ordered and are not complete. */
export async function orderedBackups(states: Location): Promise<BackupOrder[]> {
  const orders = (await states.folders(FOLDER)).map((id) => backupStateOf(states, id).read<BackupOrder>(ORDER));
  return (await Promise.all(orders)).filter((order) => order !== undefined);
}
