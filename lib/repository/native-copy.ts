/** Backups by a store's own means: quicker than the portable ones, and of use to the same kind of store only. */

export interface NativeCopyOptions {
  /** A folder that is there and empty, for the files. DynamoDB writes none. */
  readonly folder: string;
  /** Of the backup. */
  readonly id: string;
  /** Called with what was copied since the last call, and with all there is, where that is known. */
  readonly progress?: ((what: string, count: number, total?: number) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** What there is afterwards: files, or backups that a service keeps. */
export type NativeCopy =
  | { readonly files: readonly string[]; readonly consistent: boolean }
  | { readonly kept: readonly KeptBackup[]; readonly consistent: boolean };

/** A backup that the service of the store keeps itself. */
export interface KeptBackup {
  readonly table: string;
  readonly name: string;
  /** What the service wants to hear when it is to be restored. */
  readonly arn: string;
}
