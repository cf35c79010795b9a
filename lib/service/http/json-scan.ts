/** What JSON.parse accepts and a storage service must not: duplicate names and unlimited nesting. */

/** Nesting depth of a body. The model allows an entity far less and says where it is too deep. */
const MAX_DEPTH = 100;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;

/** Index of the quote that closes the string opened at `start`; the length of the text if none does. */
function endOfString(text: string, start: number): number {
  for (let i = start + 1; ; ) {
    const quote = text.indexOf('"', i);
    if (quote === -1) return text.length;
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes++;
    if (backslashes % 2 === 0) return quote;
    i = quote + 1;
  }
}

function nameBetween(text: string, start: number, end: number): string {
  const raw = text.slice(start + 1, end);
  if (!raw.includes('\\')) return raw;
  try {
    return JSON.parse(`"${raw}"`) as string;
  } catch {
    return raw;
  }
}

/**
 * Scans JSON text before it is parsed, without recursion. Text that is not JSON is left to the parser.
 * @returns the problem, or undefined
 */
export function jsonTextProblem(text: string): string | undefined {
  // One entry per open container: the names of an object so far, or undefined for a list.
  const open: (Set<string> | undefined)[] = [];
  let nameExpected = false;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case QUOTE: {
        const end = endOfString(text, i);
        const names = open.at(-1);
        if (nameExpected && names !== undefined) {
          const name = nameBetween(text, i, end);
          if (names.has(name)) return `has the name ${JSON.stringify(name)} twice in one object`;
          names.add(name);
          nameExpected = false;
        }
        i = end;
        break;
      }
      case OPEN_BRACE:
      case OPEN_BRACKET: {
        const isObject = text.charCodeAt(i) === OPEN_BRACE;
        open.push(isObject ? new Set() : undefined);
        nameExpected = isObject;
        if (open.length > MAX_DEPTH) return `is nested deeper than ${MAX_DEPTH} levels`;
        break;
      }
      case CLOSE_BRACE:
      case CLOSE_BRACKET:
        open.pop();
        nameExpected = false;
        break;
      case COMMA:
        nameExpected = open.at(-1) !== undefined;
        break;
    }
  }
  return undefined;
}
