/** The statement of `executeWithLock`. Its text is the programmer's own; it never comes from a call of the HTTP API. */
import { ValidationError } from '../../repository/errors.ts';
import type { Dialect } from './dialect.ts';

/** Strings, quoted names and comments, in which a `?` is no parameter; and the parameters. */
const TOKEN = /'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|\/\*[\s\S]*?\*\/|\?|;/g;

const refuse = (message: string): never => {
  throw new ValidationError([{ path: 'select', message }]);
};

/**
 * The SELECT in a dialect: numbered parameters, FOR UPDATE where the database has it.
 * @throws ValidationError where it is not one SELECT with so many parameters
 */
export function lockingSelect(dialect: Dialect, select: string, parameters: number): string {
  const statement = select.trim().replace(/;$/, '');
  if (!/^select\s/i.test(statement)) refuse('must be a SELECT');
  let n = 0;
  const text = statement.replace(TOKEN, (token) => {
    if (token === ';') refuse('must be one statement');
    if (token !== '?') return token;
    n += 1;
    return dialect.parameter(n);
  });
  if (n !== parameters) refuse(`has ${n} parameters (?), but ${parameters} values were given`);
  const bare = text.replace(/\s+for\s+update\s*$/i, '');
  return dialect.name === 'postgresql' ? `${bare} FOR UPDATE` : bare;
}
