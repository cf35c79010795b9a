/** The statement of `executeWithLock`. Its text comes from the programmer, never from an HTTP call. */
import { ValidationError } from '../../repository/errors.ts';
import type { Dialect } from './dialect.ts';

const COMMENT = String.raw`--[^\n]*|/\*[\s\S]*?\*/`;
/** Strings and quoted names, which contain neither comments nor parameters. */
const QUOTED = `'(?:[^']|'')*'|"(?:[^"]|"")*"`;
const COMMENTS = new RegExp(`${QUOTED}|(?<comment>${COMMENT})`, 'g');
/** `?`, and the databases' own parameter marks: SQLite would use NULL for one that has no value. */
const MARKS = new RegExp(String.raw`${QUOTED}|;|\?\d*|(?<![\w:@$])[:@$]\w+`, 'g');

const refuse = (message: string): never => {
  throw new ValidationError([{ path: 'select', message }]);
};

/** Removes comments: FOR UPDATE is appended, and must not become part of one. */
const withoutComments = (text: string): string =>
  text.replace(COMMENTS, (token, comment: string | undefined) => (comment === undefined ? token : ' '));

/**
 * The SELECT in a dialect: numbered parameters, FOR UPDATE if the database supports it.
 * @throws ValidationError if it is not one SELECT with this many parameters
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
