/** The result of one check of `hfstorage doctor`. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  /** What was checked, such as a file. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it, in one sentence. */
  readonly remedy?: string;
  /** Set if acknowledged saves may be missing: this stays an error, although the store is whole again. */
  readonly loss?: true;
  /** Set if nothing more can be checked without creating or changing the store. */
  readonly final?: boolean;
}
