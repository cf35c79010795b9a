import type { ProblemCode } from './problem-types.ts';

interface RequestErrorOptions extends ErrorOptions {
  readonly headers?: Readonly<Record<string, string>>;
  readonly currentVersion?: number;
}

/** A call that is refused by the HTTP layer, independently of the repository. */
export class RequestError extends Error {
  readonly code: ProblemCode;
  /** Headers the answer must carry, such as `Allow`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly currentVersion: number | undefined;

  /** @param detail what is wrong with this call and what to do about it; the caller reads it */
  constructor(
    code: ProblemCode,
    detail: string,
    { headers = {}, currentVersion, ...options }: RequestErrorOptions = {},
  ) {
    super(detail, options);
    this.name = new.target.name;
    this.code = code;
    this.headers = headers;
    this.currentVersion = currentVersion;
  }
}

/** An operation of a transaction that failed. Nothing of the transaction was stored. */
export class OperationError extends Error {
  /** Its index in the list of operations. */
  readonly index: number;

  constructor(index: number, cause: unknown) {
    super(`operations[${index}] failed`, { cause });
    this.name = new.target.name;
    this.index = index;
  }
}
