import type { JsonValue } from './entities.ts';
import { setOwn } from './json-values.ts';

/**
 * `JSON.parse` with correct keys. V8 (13.6 in Node 24, 14.6 in Node 26) confuses a key with an escape, such as `"\n"`, with
 * another one if an object with the same beginning was parsed before: github.com/nodejs/node/issues/63785. Texts with such
 * a key, which are rare, are parsed again by our own reader.
 * @throws SyntaxError if the text is not JSON
 */
export function parseJson(text: string): unknown {
  const value: unknown = JSON.parse(text);
  return text.includes('\\') && hasEscapedKey(text) ? new Reader(text).value() : value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COLON = 0x3a;

const isSpace = (code: number): boolean => code === 0x20 || code === 0x0a || code === 0x0d || code === 0x09;

/** The position of the closing quote of the string that begins at `start`. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  for (let code = text.charCodeAt(at); code !== QUOTE; code = text.charCodeAt(at)) at += code === BACKSLASH ? 2 : 1;
  return at;
}

function skipSpace(text: string, start: number): number {
  let at = start;
  while (isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Whether any key in valid JSON contains an escape. */
function hasEscapedKey(text: string): boolean {
  let nextEscape = -1;
  for (let start = text.indexOf('"'); start >= 0; ) {
    const end = endOfString(text, start);
    if (nextEscape < start) nextEscape = text.indexOf('\\', start);
    if (nextEscape < 0) return false;
    if (nextEscape < end && text.charCodeAt(skipSpace(text, end + 1)) === COLON) return true;
    start = text.indexOf('"', end + 1);
  }
  return false;
}

/** A number, true, false or null. */
const WORD = /[^\s,\]}]+/y;

/** Reads JSON that is known to be valid. It leaves only strings, numbers and words to `JSON.parse`. */
class Reader {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  value(): JsonValue {
    this.#at = skipSpace(this.#text, this.#at);
    switch (this.#text[this.#at]) {
      case '{':
        return this.#object();
      case '[':
        return this.#array();
      case '"':
        return this.#string();
      default:
        return this.#word();
    }
  }

  #object(): JsonValue {
    const object: Record<string, JsonValue> = {};
    for (let more = !this.#skip('}', 1); more; more = !this.#skip('}')) {
      this.#at = skipSpace(this.#text, this.#at);
      const key = this.#string();
      this.#at = skipSpace(this.#text, this.#at) + 1;
      setOwn(object, key, this.value());
    }
    return object;
  }

  #array(): JsonValue {
    const array: JsonValue[] = [];
    for (let more = !this.#skip(']', 1); more; more = !this.#skip(']')) array.push(this.value());
    return array;
  }

  /** Skips `offset` characters and the separator between members; true at the closing bracket. */
  #skip(closing: string, offset = 0): boolean {
    this.#at = skipSpace(this.#text, this.#at + offset);
    const isClosing = this.#text[this.#at] === closing;
    if (isClosing || offset === 0) this.#at++;
    return isClosing;
  }

  #string(): string {
    const start = this.#at;
    this.#at = endOfString(this.#text, start) + 1;
    return JSON.parse(this.#text.slice(start, this.#at)) as string;
  }

  #word(): JsonValue {
    WORD.lastIndex = this.#at;
    const [word] = WORD.exec(this.#text) as RegExpExecArray;
    this.#at += word.length;
    return JSON.parse(word) as JsonValue;
  }
}
