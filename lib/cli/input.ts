import { readFile } from 'node:fs/promises';
import { buffer } from 'node:stream/consumers';
import { type JsonTextError, parseJsonText } from '../config/json-text.ts';
import { decodeUtf8 } from '../model/utf8.ts';
import { jsonTextProblem } from '../service/http/json-scan.ts';
import { CommandFailure, systemReason, UsageError } from './failures.ts';

function parse<E extends Error>(json: string, name: string, Failure: new (message: string) => E): unknown {
  // A duplicate name would silently lose its first value.
  const problem = jsonTextProblem(json);
  if (problem !== undefined) throw new Failure(`${name} ${problem}.`);
  try {
    return parseJsonText(json);
  } catch (error) {
    throw new Failure(`${name} is not JSON: ${(error as JsonTextError).message}.`);
  }
}

function decode(bytes: Uint8Array, name: string): string {
  try {
    return decodeUtf8(bytes);
  } catch (error) {
    throw new CommandFailure(`${name} cannot be read: ${(error as Error).message}. Save it as UTF-8.`, {
      cause: error,
    });
  }
}

/**
 * Reads JSON from a file, or from standard input for `-`.
 * @throws CommandFailure naming the file, with the line and column if it is not JSON, or the byte if it is not UTF-8
 */
export async function readJsonFile(file: string, stdin: NodeJS.Process['stdin']): Promise<unknown> {
  if (file === '-') {
    return parse(decode(await buffer(stdin), 'standard input'), 'standard input', CommandFailure);
  }
  const bytes = await readFile(file).catch((error: unknown) => {
    throw new CommandFailure(`${file} cannot be read: ${systemReason(error)}.`, { cause: error });
  });
  return parse(decode(bytes, file), file, CommandFailure);
}

/**
 * Reads an argument that is JSON text, `@file` or `-` for standard input.
 * @throws UsageError if the argument itself is not JSON; CommandFailure if a file is not
 */
export async function readJsonArgument(argument: string, stdin: NodeJS.Process['stdin']): Promise<unknown> {
  if (argument === '-') return readJsonFile(argument, stdin);
  if (argument.startsWith('@')) return readJsonFile(argument.slice(1), stdin);
  return parse(argument, 'the argument', UsageError);
}
