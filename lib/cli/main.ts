import { CommanderError } from 'commander';
import { type ExitCode, exitCodes, failureOf } from './failures.ts';
import type { Streams } from './output.ts';
import { createProgram } from './program.ts';
import { Session } from './session.ts';

/**
 * Runs `hfstorage`.
 * @param argv the arguments after the name of the command
 * @returns the exit code: 0 done, 1 failed, 2 wrong usage, 3 finished but found errors or differences
 */
export async function main(argv: readonly string[], streams: Streams = process): Promise<ExitCode> {
  const session = new Session(streams);
  try {
    await createProgram(session, streams).parseAsync(argv, { from: 'user' });
    return session.exitCode;
  } catch (error) {
    // Commander has already printed the message. Help and version arrive here too, with exit code 0.
    if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    const { code, message } = failureOf(error);
    session.output.problem(message);
    return code;
  }
}
