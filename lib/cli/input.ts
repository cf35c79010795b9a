import { readFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { type JsonTextError, parseJsonText } from '../config/json-text.ts';
import { jsonTextProblem } from '../service/json-scan.ts';
import { CommandFailure, systemReason, UsageError } from './failures.ts';

function parse<E extends Error>(json: string, name: string, Failure: new (message: string) => E): unknown {
  // A name that comes twice would lose its first value without a word.
  const problem = jsonTextProblem(json);
  if (problem !== undefined) throw new Failure(`${name} ${problem}.`);
  try {
    return parseJsonText(json);
  } catch (error) {
    throw new Failure(`${name} is not JSON: ${(error as JsonTextError).message}.`);
  }
}

/**
 * Reads JSON from a file, or from standard input for `-`.
 * @throws CommandFailure naming the file, and line and column where it is not JSON
 */
export async function readJsonFile(file: string, stdin: NodeJS.Process['stdin']): Promise<unknown> {
  if (file === '-') return parse(await text(stdin), 'standard input', CommandFailure);
  const json = await readFile(file, 'utf8').catch((error: unknown) => {
    throw new CommandFailure(`${file} cannot be read: ${systemReason(error)}.`, { cause: error });
  });
  return parse(json, file, CommandFailure);
}

/**
 * Reads an argument that is JSON text, `@file` or `-` for standard input.
 * @throws UsageError where the argument itself is not JSON; CommandFailure where a file is not
 */
export async function readJsonArgument(argument: string, stdin: NodeJS.Process['stdin']): Promise<unknown> {
  if (argument === '-') return readJsonFile(argument, stdin);
  if (argument.startsWith('@')) return readJsonFile(argument.slice(1), stdin);
  return parse(argument, 'the argument', UsageError);
}
