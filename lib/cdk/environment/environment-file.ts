/** The configuration of an environment: `config/<env>.json`. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Config } from '../../config/configuration.ts';
import { parseJsonText } from '../../config/json-text.ts';
import { parseConfig } from '../../config/parse-config.ts';
import { ConfigurationError } from '../../repository/errors.ts';
import { placeholders } from './placeholders.ts';

const ENVIRONMENT = /^[a-z0-9][a-z0-9_-]*$/i;
const NOT_AN_ENVIRONMENT: readonly string[] = ['schema.json', 'default.json'];

/** The environments with a file in a folder. */
export const environments = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.json') && !NOT_AN_ENVIRONMENT.includes(name))
    .map((name) => name.slice(0, -'.json'.length))
    .sort();

/**
 * Reads the file of an environment.
 * @param env the value of `-c env=…`
 * @throws ConfigurationError if there is no such file, or if it is invalid
 */
export function readEnvironment(folder: string, env: unknown): Config {
  const known = `Known environments: ${environments(folder).join(', ')}`;
  if (env === undefined) throw new ConfigurationError(`Give an environment: -c env=NAME. ${known}.`);
  const file = join(folder, `${env}.json`);
  if (typeof env !== 'string' || !ENVIRONMENT.test(env) || !existsSync(file)) {
    throw new ConfigurationError(
      `There is no environment ${JSON.stringify(env)}. ${known}. To add this one, write ${file}.`,
    );
  }
  try {
    return parseConfig(parseJsonText(readFileSync(file)), { ...process.env, ...placeholders });
  } catch (cause) {
    throw new ConfigurationError(`${file}: ${(cause as Error).message}`, { cause });
  }
}
