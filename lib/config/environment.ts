/** `${NAME}` in the strings of a configuration stands for an environment variable. */
import { childPath, type Problem, setOwn } from '../model/json-values.ts';
import { isSecretArn } from './postgresql-access.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A string that contains values from the environment. */
export interface Expansion {
  /** As written. */
  readonly text: string;
  readonly variables: readonly string[];
}

export interface Expanded {
  readonly value: unknown;
  /** By path, such as `storage.json_strategy.base_path`. */
  readonly expansions: ReadonlyMap<string, Expansion>;
  readonly problems: readonly Problem[];
}

const REFERENCE = /\$\$\{|\$\{([^}]*)(\}?)/g;
const VARIABLE_NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const PASSWORD_PATH = /(?:^|\.)password$/;
const SECRET_NAME = /pass|pwd|secret|token|key|credential/i;

/** Whether a variable of this name is likely to hold a secret. */
export const namesSecret = (variable: string): boolean => SECRET_NAME.test(variable);

class Expander {
  readonly problems: Problem[] = [];
  readonly expansions = new Map<string, Expansion>();
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  expand(value: unknown, path: string): unknown {
    if (typeof value === 'string') return this.#expandText(value, path);
    if (typeof value !== 'object' || value === null) return value;
    if (Array.isArray(value)) return value.map((item, i) => this.expand(item, childPath(path, i)));
    const copy: Record<string, unknown> = {};
    for (const [key, item] of Object.entries(value)) setOwn(copy, key, this.expand(item, childPath(path, key)));
    return copy;
  }

  #expandText(text: string, path: string): string {
    const variables: string[] = [];
    const expanded = text.replace(REFERENCE, (reference, name?: string, close?: string) => {
      if (name === undefined) return '${';
      if (close === '' || !VARIABLE_NAME.test(name)) {
        const shown = PASSWORD_PATH.test(path) ? '"${…"' : JSON.stringify(reference);
        const message = `has ${shown}, which names no variable; write $\${ for a plain \${`;
        this.problems.push({ path, message });
        return reference;
      }
      const value = this.#env[name];
      if (value === undefined) {
        this.problems.push({ path, message: `needs the environment variable ${name}, which is not set` });
        return reference;
      }
      variables.push(name);
      return value;
    });
    if (variables.length > 0) this.expansions.set(path, { text, variables });
    return expanded;
  }
}

/** Copies a value with every `${NAME}` in its strings replaced from `env`; `$${` becomes `${`. */
export function expandEnvironment(input: unknown, env: Environment): Expanded {
  const expander = new Expander(env);
  const value = expander.expand(input, '');
  return { value, expansions: expander.expansions, problems: expander.problems };
}

const ONLY_REFERENCES = /^(?:\$\{[^}]*\})+$/;

/** The visible form of a password: the variables that it came from, or the ARN of the secret that holds it. */
function shownPassword(password: string, expansion: Expansion | undefined): string {
  if (expansion !== undefined && ONLY_REFERENCES.test(expansion.text)) return expansion.text;
  return isSecretArn(password) ? password : '(hidden)';
}

/**
 * Copies a configuration without its secrets: values from variables with names like those of secrets are shown as written,
 * `${NAME}`, and a literal password is hidden.
 */
export function hideSecrets(value: unknown, expansions: ReadonlyMap<string, Expansion>, path = ''): unknown {
  const expansion = expansions.get(path);
  if (typeof value === 'string' && PASSWORD_PATH.test(path)) return shownPassword(value, expansion);
  if (expansion?.variables.some(namesSecret)) return expansion.text;
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map((item, i) => hideSecrets(item, expansions, childPath(path, i)));
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, hideSecrets(item, expansions, childPath(path, key))]),
  );
}
