import Table from 'cli-table3';
import { type CollectionName, fieldsOf, idFieldOf, systemFields } from '../model/collections.ts';

type Row = Readonly<Record<string, unknown>>;

const CONTROL_CHARACTERS = /\p{Cc}/gu;
const LONGEST_CELL = 60;

const plain = {
  chars: Object.fromEntries(
    ['top', 'top-mid', 'top-left', 'top-right', 'bottom', 'bottom-mid', 'bottom-left', 'bottom-right']
      .concat(['left', 'left-mid', 'mid', 'mid-mid', 'right', 'right-mid'])
      .map((part) => [part, '']),
  ),
  style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0, compact: true },
};

/** A value in a table or list, on one line and with control characters escaped. */
export function displayText(value: unknown): string {
  if (value === undefined || value === null) return '';
  const text = typeof value === 'string' ? value : JSON.stringify(value);
  return text.replace(CONTROL_CHARACTERS, (character) => JSON.stringify(character).slice(1, -1));
}

/** A number with its noun: `1 error`, `2 errors`. */
export const counted = (n: number, thing: string): string => `${n} ${thing}${n === 1 ? '' : 's'}`;

/** A table with borders for a terminal, otherwise aligned columns. */
export function formatTable(head: readonly string[], rows: readonly (readonly string[])[], terminal: boolean): string {
  const style = terminal
    ? { style: { head: ['bold'], border: [], compact: true } }
    : { ...plain, chars: { ...plain.chars, middle: '  ' } };
  const table = new Table({ ...style, head: [...head] });
  table.push(...rows.map((row) => [...row]));
  return table.toString().replace(/[^\S\n]+$/gm, '');
}

/** The fields of a collection in the order of interest: the id, required fields, the creation time, the rest. */
function columnsOf(collection: CollectionName): string[] {
  const scalars = [...fieldsOf(collection)].filter(([, { type }]) => type !== 'list' && type !== 'object');
  const required = scalars.flatMap(([name, field]) => (field.required === true ? [name] : []));
  const rest = scalars.map(([name]) => name).filter((name) => name !== 'updated_at' && name !== 'version');
  return [...new Set([...required, 'created_at', ...rest, 'version'])];
}

const cell = (text: string, isId: boolean): string =>
  isId || text.length <= LONGEST_CELL ? text : `${text.slice(0, LONGEST_CELL - 1)}…`;

/** Entities as a table of their scalar fields; on a terminal, only as many columns as fit its width. */
export function entityTable(
  collection: CollectionName,
  entities: readonly Row[],
  width: number | undefined,
): { head: string[]; rows: string[][]; hidden: number } {
  const idField = idFieldOf(collection);
  const used = columnsOf(collection).filter(
    (name) => name === idField || entities.some((entity) => entity[name] !== undefined),
  );
  const columns = used.map((name) => {
    const cells = entities.map((entity) => cell(displayText(entity[name]), name === idField));
    return { name, cells, width: Math.max(name.length, ...cells.map((text) => [...text].length)) };
  });
  let shown = columns.length;
  const total = () => columns.slice(0, shown).reduce((sum, column) => sum + column.width + 3, 1);
  while (width !== undefined && shown > 1 && total() > width) shown--;
  const kept = columns.slice(0, shown);
  const rows = entities.map((_, i) => kept.map(({ cells }) => cells[i] as string));
  return { head: kept.map(({ name }) => name), rows, hidden: columns.length - shown };
}

/** One entity, one field per line: the declared fields, then undeclared ones, then the store's own. */
export function entityLines(collection: CollectionName, entity: Row): string {
  const isSystem = (name: string) => Object.hasOwn(systemFields, name);
  const declared = [...fieldsOf(collection).keys()].filter((name) => entity[name] !== undefined);
  const undeclared = Object.keys(entity).filter((name) => !fieldsOf(collection).has(name));
  const names = [...declared.filter((name) => !isSystem(name)), ...undeclared, ...declared.filter(isSystem)];
  const shown = names.map((name) => [displayText(name), displayText(entity[name])] as const);
  const width = Math.max(...shown.map(([name]) => name.length));
  return shown.map(([name, text]) => `${name.padEnd(width)}  ${text}`.trimEnd()).join('\n');
}
