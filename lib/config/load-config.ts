import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ConfigurationError } from '../repository/errors.ts';
import type { Config } from './configuration.ts';
import type { Expansion } from './environment.ts';
import { parseJsonText } from './json-text.ts';
import { packageRoot } from './package-root.ts';
import { expandAndCheck } from './parse-config.ts';

/** A configuration and the file it came from. */
export interface ConfigFile {
  readonly path: string;
  readonly config: Config;
  /** The strings that came from the environment, by their path. */
  readonly expansions: ReadonlyMap<string, Expansion>;
}

const DEFAULT_PATH = join('config', 'default.json');

/** The configuration file to use: `path`, HFSTORAGE_CONFIG, `config/default.json` in the current folder, or this package's. */
function locateConfig(path: string | undefined): string {
  const named = path ?? process.env.HFSTORAGE_CONFIG;
  if (named !== undefined && named !== '') return named;
  const root = packageRoot();
  return existsSync(DEFAULT_PATH) || root === undefined ? DEFAULT_PATH : join(root, DEFAULT_PATH);
}

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'you may not read it',
};

async function readBytes(path: string): Promise<Buffer> {
  try {
    return await readFile(path);
  } catch (cause) {
    const { code = '', message } = cause as NodeJS.ErrnoException;
    const reason = reasons[code] ?? message;
    throw new ConfigurationError(
      `The configuration ${path} cannot be read: ${reason}. Name another with --config or HFSTORAGE_CONFIG.`,
      { cause },
    );
  }
}

/**
 * Reads a configuration file and returns its path with it.
 * @throws ConfigurationError naming the file
 */
export async function readConfig(path?: string): Promise<ConfigFile> {
  const file = locateConfig(path);
  const bytes = await readBytes(file);
  try {
    return { path: file, ...expandAndCheck(parseJsonText(bytes), process.env) };
  } catch (cause) {
    throw new ConfigurationError(`${file}: ${(cause as Error).message}`, { cause });
  }
}

/**
 * Reads a configuration file.
 * @param path if left out: the environment variable HFSTORAGE_CONFIG, else `config/default.json` in the current folder, else
 *   the default configuration of this package
 * @throws ConfigurationError naming the file and the key, or the line and column at which it is not JSON
 */
export async function loadConfig(path?: string): Promise<Config> {
  return (await readConfig(path)).config;
}
