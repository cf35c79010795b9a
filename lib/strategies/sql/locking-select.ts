/** The statement of `executeWithLock`. Its text is the programmer's own; it never comes from a call of the HTTP API. */
import { ValidationError } from '../../repository/errors.ts';
import type { Dialect } from './dialect.ts';

const COMMENT = String.raw`--[^\n]*|/\*[\s\S]*?\*/`;
/** Strings and quoted names, in which nothing is a comment or a parameter. */
const QUOTED = `'(?:[^']|'')*'|"(?:[^"]|"")*"`;
const COMMENTS = new RegExp(`${QUOTED}|(?<comment>${COMMENT})`, 'g');
/** `?`, and the databases' own ways to mark a parameter: SQLite takes NULL for one that has no value. */
const MARKS = new RegExp(String.raw`${QUOTED}|;|\?\d*|(?<![\w:@$])[:@$]\w+`, 'g');

const refuse = (message: string): never => {
  throw new ValidationError([{ path: 'select', message }]);
};

/** Without comments: FOR UPDATE comes last, and must not become part of one. */
const withoutComments = (text: string): string =>
  text.replace(COMMENTS, (token, comment: string | undefined) => (comment === undefined ? token : ' '));

/**
 * The SELECT in a dialect: numbered parameters, FOR UPDATE where the database has it.
 * @throws ValidationError where it is not one SELECT with so many parameters
 */
export function lockingSelect(dialect: Dialect, select: string, parameters: number): string {
  const statement = withoutComments(select).trim().replace(/;$/, '');
  if (!/^select\s/i.test(statement)) refuse('must be a SELECT');
  let n = 0;
  const text = statement.replace(MARKS, (mark) => {
    if (/^['"]/.test(mark)) return mark;
    if (mark === ';') refuse('must be one statement');
    if (mark !== '?') refuse(`must mark its parameters with ? alone, not with ${mark}`);
    n += 1;
    return dialect.parameter(n);
  });
  if (n !== parameters) refuse(`has ${n} parameters (?), but ${parameters} values were given`);
  const bare = text.replace(/\s+for\s+update\s*$/i, '');
  return dialect.name === 'postgresql' ? `${bare} FOR UPDATE` : bare;
}
