/** Reads the shell sessions of a Markdown document: a ```sh block with commands, then a ```text block with their output. */

export interface SessionBlock {
  /** Line of the document on which the commands begin, from 1. */
  readonly line: number;
  readonly commands: string;
  /** The documented output; undefined if no output follows the commands. */
  readonly shown: string | undefined;
}

const SECTION = (heading: string): RegExp => new RegExp(`^## ${heading}\\n(.*?)(?=^## |$(?![^]))`, 'ms');
const BLOCK = /^```sh\n(.*?)^```\n(?:[^`#]*?^```text\n(.*?)^```\n)?/gms;

/**
 * The sessions of a document, or of one of its sections.
 * @throws Error if there is no such section
 */
export function sessionBlocks(markdown: string, heading?: string): SessionBlock[] {
  const section = heading === undefined ? undefined : SECTION(heading).exec(markdown);
  if (section === null) throw new Error(`There is no section "${heading}".`);
  const text = section?.[1] ?? markdown;
  const start = section === undefined ? 0 : section.index + section[0].length - text.length;
  return [...text.matchAll(BLOCK)].map((match) => ({
    line: markdown.slice(0, start + match.index).split('\n').length + 1,
    commands: match[1] ?? '',
    shown: match[2],
  }));
}

const ELLIPSIS = '…';
const escaped = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, String.raw`\$&`);
const lineMatches = (shown: string, actual: string): boolean =>
  new RegExp(`^${shown.split(ELLIPSIS).map(escaped).join('.*')}$`, 'u').test(actual);

/**
 * The output of a program, with `…` for the parts that match a `…` of the document; equal to the documented output if nothing
 * else differs. A line with only `…` stands for any number of lines.
 */
export function asShown(actual: string, shown: string): string {
  const lines = actual.split('\n');
  const result: string[] = [];
  const wanted = shown.split('\n');
  for (const [i, line] of wanted.entries()) {
    if (line !== ELLIPSIS) {
      const found = lines.shift();
      if (found !== undefined) result.push(lineMatches(line, found) ? line : found);
      continue;
    }
    const next = wanted[i + 1];
    const end = next === undefined ? lines.length : lines.findIndex((found) => lineMatches(next, found));
    if (end === -1) break;
    lines.splice(0, end);
    result.push(line);
  }
  return [...result, ...lines].join('\n');
}
