/** JSON text written by people: errors name the line and column. */
import { parseJson } from '../model/parse-json.ts';
import { decodeUtf8 } from '../model/utf8.ts';

/** A text is not JSON. The message begins with the line and column, counted from 1. */
export class JsonTextError extends Error {
  readonly line: number;
  readonly column: number;

  constructor(line: number, column: number, reason: string, cause: unknown) {
    super(`line ${line}, column ${column}: ${reason}`, { cause });
    this.name = 'JsonTextError';
    this.line = line;
    this.column = column;
  }
}

const SPACE = /[ \t\n\r]*/y;
// Of the control characters, JSON allows those from U+007F in a string.
const STRING = /"(?:[^"\\\p{Cc}]|[\u007f-\u009f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*"/uy;
const OTHER_SCALAR = /(?:-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false|null)(?![\w.+-])/y;

type State = 'value' | 'first item' | 'first name' | 'name' | 'colon' | 'after';

const expected: Readonly<Record<Exclude<State, 'after'>, string>> = {
  value: 'a value',
  'first item': "a value or ']'",
  'first name': "a name in double quotes or '}'",
  name: 'a name in double quotes',
  colon: "':'",
};

/** Scans the tokens of a text that is not JSON up to the first one that is out of place. */
class Scanner {
  position = 0;
  state: State = 'value';
  readonly #text: string;
  readonly #open: ('{' | '[')[] = [];

  constructor(text: string) {
    this.#text = text;
  }

  toError(): string {
    do this.#match(SPACE);
    while (this.#step());
    const found = this.#text[this.position];
    if (found === '"' && this.state !== 'colon' && this.state !== 'after') {
      return 'this string is not closed, has a line break or another control character, or a wrong escape';
    }
    return `expected ${this.#expected()}, found ${found === undefined ? 'the end' : JSON.stringify(found)}`;
  }

  #expected(): string {
    if (this.state !== 'after') return expected[this.state];
    const container = this.#open.at(-1);
    if (container === undefined) return 'nothing after the value';
    return container === '{' ? "',' or '}'" : "',' or ']'";
  }

  /** Consumes one token if it is allowed here. */
  #step(): boolean {
    const token = this.#text[this.position];
    switch (this.state) {
      case 'colon':
        return token === ':' && this.#pass('value');
      case 'first name':
      case 'name':
        if (token === '}' && this.state === 'first name') return this.#close();
        return this.#match(STRING) && this.#enter('colon');
      case 'after': {
        const container = this.#open.at(-1);
        if (container === undefined) return false;
        if (token === ',') return this.#pass(container === '{' ? 'name' : 'value');
        return token === (container === '{' ? '}' : ']') && this.#close();
      }
      default:
        if (token === ']' && this.state === 'first item') return this.#close();
        if (token === '{' || token === '[') {
          this.#open.push(token);
          return this.#pass(token === '{' ? 'first name' : 'first item');
        }
        return (this.#match(STRING) || this.#match(OTHER_SCALAR)) && this.#enter('after');
    }
  }

  #match(token: RegExp): boolean {
    token.lastIndex = this.position;
    if (!token.test(this.#text)) return false;
    this.position = token.lastIndex;
    return true;
  }

  #enter(state: State): true {
    this.state = state;
    return true;
  }

  #pass(state: State): true {
    this.position++;
    return this.#enter(state);
  }

  #close(): true {
    this.#open.pop();
    return this.#pass('after');
  }
}

/**
 * Parses JSON text, with or without a byte order mark.
 * @param source text, or the bytes of a file
 * @throws JsonTextError naming line, column and what was expected there; NotUtf8Error
 */
export function parseJsonText(source: string | Uint8Array): unknown {
  const text = typeof source === 'string' ? source.replace(/^\ufeff/, '') : decodeUtf8(source);
  try {
    return parseJson(text);
  } catch (cause) {
    const scanner = new Scanner(text);
    const reason = scanner.toError();
    const before = text.slice(0, scanner.position);
    throw new JsonTextError(before.split('\n').length, scanner.position - before.lastIndexOf('\n'), reason, cause);
  }
}
