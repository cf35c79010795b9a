/** `--remote`: the commands that support the HTTP API, and its address. */
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import type { RemoteOptions } from '../remote/open-remote.ts';
import { CommandFailure, systemReason, UsageError } from './failures.ts';

/** All other commands concern the store itself, or this machine. */
const remoteCommands: ReadonlySet<string> = new Set([
  'get',
  'save',
  'update',
  'delete',
  'query',
  'count',
  'import',
  'migrateRepository',
]);

interface RemoteFlags {
  readonly config?: string;
  readonly remote?: string;
  readonly remoteRegion?: string;
  readonly profile?: string;
  readonly apiKeyFile?: string;
}

/** The command of a command line, without the program's own name: `config check`. */
function nameOf(command: Command): string {
  const parents: string[] = [];
  for (let at: Command | null = command; at?.parent; at = at.parent) parents.unshift(at.name());
  return parents.join(' ');
}

/** The key is read from a file, since other users of the machine can see command lines. */
function readKey(file: string): string {
  try {
    return readFileSync(file, 'utf8').trim();
  } catch (cause) {
    throw new CommandFailure(`${file} cannot be read: ${systemReason(cause)}.`, { cause });
  }
}

/**
 * The service that a command uses; undefined for the store itself. The command line takes precedence over the environment:
 * `--config` selects the store even if HFSTORAGE_REMOTE is set.
 * @throws UsageError if the options contradict each other or the command does not support them; CommandFailure if the file
 * with the API key cannot be read
 */
export function remoteOf(command: Command, env: NodeJS.ProcessEnv = process.env): RemoteOptions | undefined {
  const { config, remote, remoteRegion: region, profile, apiKeyFile } = command.optsWithGlobals<RemoteFlags>();
  if (remote !== undefined && config !== undefined) {
    throw new UsageError('--remote uses a service, --config a store: give only one of them.');
  }
  const url = remote ?? (config === undefined ? env.HFSTORAGE_REMOTE || undefined : undefined);
  if (url === undefined) {
    if ([region, profile, apiKeyFile].every((given) => given === undefined)) return undefined;
    throw new UsageError(
      '--remote-region, --profile and --api-key-file are for calls to a service: give --remote too.',
    );
  }
  const name = nameOf(command);
  if (remoteCommands.has(name))
    return { url, region, profile, ...(apiKeyFile !== undefined && { apiKey: readKey(apiKeyFile) }) };
  const remedy = remote === undefined ? 'unset HFSTORAGE_REMOTE, or give --config' : 'leave out --remote';
  throw new UsageError(`hfstorage ${name} works on the store itself, not through a service: ${remedy}.`);
}
