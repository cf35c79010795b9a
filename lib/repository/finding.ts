/** One thing that `hfs doctor` looked at. */
export interface Finding {
  readonly level: 'ok' | 'warning' | 'error';
  /** What was looked at, such as a file. */
  readonly subject: string;
  readonly message: string;
  /** What to do about it, in one sentence. */
  readonly remedy?: string;
}
