/** One thing that `hfstorage doctor` looked at. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  /** What was looked at, such as a file. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it, in one sentence. */
  readonly remedy?: string;
  /** Set where acknowledged saves may be missing from now on: it stays an error, although the store is whole again. */
  readonly loss?: true;
  /** Set where nothing more can be looked at, because the store would have to be made or changed for it. */
  readonly final?: boolean;
}
