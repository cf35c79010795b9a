import type { CollectionName } from '../../model/collections.ts';
import type { JsonObject } from '../../model/entities.ts';
import { parseJson } from '../../model/parse-json.ts';

const BETWEEN_KEY_AND_ENTITY = '": {';

/**
 * Reads text that was written by `fileText`, an entity a line. One `JSON.parse` for each entity takes a quarter less time
 * than one for the file and a walk through its thousands of members. Accepts nothing that is not valid JSON.
 * @param collections the collections in the file, if it holds them by name; else the one that it is
 * @param take told of every entity, in order
 * @returns false where the text is laid out in another way, or is no JSON: what was taken so far does not count
 */
export function parseLines(
  text: string,
  collections: readonly CollectionName[],
  wrapped: boolean,
  take: (collection: CollectionName, id: string, record: JsonObject) => void,
): boolean {
  let start = 0;
  const nextLine = (): string | undefined => {
    const end = text.indexOf('\n', start);
    if (end < 0) return undefined;
    const line = text.slice(start, end);
    start = end + 1;
    return line;
  };
  /** The lines after the opening brace of a collection; false where one does not fit. */
  const entities = (collection: CollectionName, lastBrace: string): boolean => {
    for (let more = true; ; ) {
      const line = nextLine();
      if (line === undefined) return false;
      if (line === lastBrace) return !more;
      if (!more) return false;
      more = line.endsWith(',');
      const key = line.indexOf(BETWEEN_KEY_AND_ENTITY) + 1;
      if (key === 0) return false;
      const record = parseJson(line.slice(key + 2, more ? -1 : undefined)) as JsonObject;
      take(collection, JSON.parse(line.slice(0, key)) as string, record);
    }
  };
  try {
    if (wrapped && nextLine() !== '{') return false;
    for (const [i, collection] of collections.entries()) {
      const comma = i < collections.length - 1 ? ',' : '';
      const opening = wrapped ? `"${collection}": {` : '{';
      const line = nextLine();
      if (line === `${opening}}${comma}`) continue;
      if (line !== opening || !entities(collection, `}${comma}`)) return false;
    }
    return (!wrapped || nextLine() === '}') && start === text.length;
  } catch {
    return false;
  }
}
