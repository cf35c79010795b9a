/** How a command ends: exit codes and error messages. */
import { getSystemErrorMessage, inspect } from 'node:util';
import { StorageError } from '../repository/errors.ts';

export const exitCodes = {
  done: 0,
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** Finished, but found errors or differences. */
  differences: 3,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

/** The command line is invalid. */
export class UsageError extends Error {}

/** A command cannot do its work, for the reason in its message. */
export class CommandFailure extends Error {}

/** The reason of a file or socket error, without Node's codes and call names. */
export function systemReason(error: unknown): string {
  const { errno, message } = error as NodeJS.ErrnoException;
  return errno === undefined ? message : getSystemErrorMessage(errno);
}

/** The exit code of an error, and one or two lines for people. HFSTORAGE_DEBUG=1 adds the stack trace. */
export function failureOf(error: unknown): { code: ExitCode; message: string } {
  // The work failed, then closing the store: the first error is the cause.
  if (error instanceof SuppressedError) return failureOf(error.suppressed);
  const code = error instanceof UsageError ? exitCodes.usage : exitCodes.failed;
  return { code, message: messageOf(error) };
}

function messageOf(error: unknown): string {
  const debug = process.env.HFSTORAGE_DEBUG;
  if (debug !== undefined && debug !== '' && debug !== '0' && error instanceof Error) return inspect(error);
  if (error instanceof StorageError || error instanceof UsageError || error instanceof CommandFailure) {
    return error.message;
  }
  const reason = error instanceof Error ? error.message.split('\n', 1)[0] : String(error);
  return `${reason} (unexpected; HFSTORAGE_DEBUG=1 shows where)`;
}
