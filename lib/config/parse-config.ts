import type { Problem } from '../model/json-values.ts';
import { ConfigurationError } from '../repository/errors.ts';
import { type Config, configuration } from './configuration.ts';
import { type Environment, type Expansion, expandEnvironment } from './environment.ts';
import { issueMessage, problemsOf } from './problems.ts';

/** Results of `parseConfig`. They must not be expanded again: a `${` in them is literal. */
const parsed = new WeakSet<object>();

const isParsed = (value: unknown): value is Config => typeof value === 'object' && value !== null && parsed.has(value);

function refuse(problems: readonly Problem[]): never {
  const lines = problems.map(({ path, message }) => `${path === '' ? 'the configuration' : path} ${message}`);
  throw new ConfigurationError(lines.join('; '));
}

/**
 * Validates a configuration and returns which of its strings came from the environment.
 * @throws ConfigurationError
 */
export function expandAndCheck(
  value: unknown,
  env: Environment,
): { config: Config; expansions: ReadonlyMap<string, Expansion> } {
  const expanded = expandEnvironment(value, env);
  if (expanded.problems.length > 0) refuse(expanded.problems);
  const result = configuration.safeParse(expanded.value, { error: issueMessage });
  if (!result.success) refuse(problemsOf(result.error.issues));
  parsed.add(result.data);
  return { config: result.data, expansions: expanded.expansions };
}

/**
 * Validates a configuration, replaces `${NAME}` in its strings with environment variables and fills in the defaults.
 * A configuration that has already been parsed is returned unchanged.
 * @param env variables for `${NAME}`; the process's own if left out
 * @throws ConfigurationError naming each invalid key, and the nearest valid one
 */
export function parseConfig(value: unknown, env: Environment = process.env): Config {
  return isParsed(value) ? value : expandAndCheck(value, env).config;
}
