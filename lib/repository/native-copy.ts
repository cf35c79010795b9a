/** Backups by a store's own means: faster than portable ones, but usable only for the same kind of store. */

export interface NativeCopyOptions {
  /** An existing, empty folder for the files. DynamoDB writes none. */
  readonly folder: string;
  /** Id of the backup. */
  readonly id: string;
  /** Called with the count copied since the last call, and with the total, if it is known. */
  readonly progress?: ((what: string, count: number, total?: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** The result: files, or backups that a service keeps. */
export type NativeCopy =
  | { readonly files: readonly string[]; readonly consistent: boolean }
  | { readonly kept: readonly KeptBackup[]; readonly consistent: boolean };

/** A backup that the service of the store keeps itself. */
export interface KeptBackup {
  readonly table: string;
  readonly name: string;
  /** Identifies the backup to the service for a restore. */
  readonly arn: string;
}
