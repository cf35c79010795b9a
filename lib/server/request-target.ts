/** The target of a request line, exactly as sent: dot segments are not resolved, slashes not merged. */
import { RequestError } from '../service/http/request-error.ts';

export interface RequestTarget {
  /** Path segments, each decoded on its own, so that `%2f` is part of a segment and not a separator. */
  readonly segments: readonly string[];
  readonly query: ReadonlyMap<string, string[]>;
}

const AUTHORITY = /^https?:\/\/[^/?]*/i;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new RequestError('malformed_request', 'The URL has a percent sign that does not encode UTF-8.', { cause });
  }
}

function parseQuery(text: string): Map<string, string[]> {
  const query = new Map<string, string[]>();
  for (const pair of text.split('&')) {
    if (pair === '') continue;
    const [name = '', ...value] = pair.replaceAll('+', ' ').split('=');
    const key = decode(name);
    const values = query.get(key) ?? [];
    values.push(decode(value.join('=')));
    query.set(key, values);
  }
  return query;
}

/**
 * Parses a request target in the forms that RFC 9112 defines for servers: `/path?query` or an absolute URL.
 * @throws RequestError malformed_request
 */
export function parseTarget(target: string): RequestTarget {
  const local = target.replace(AUTHORITY, '');
  const mark = local.indexOf('?');
  const path = mark === -1 ? local : local.slice(0, mark);
  return {
    segments: path.split('/').slice(1).map(decode),
    query: parseQuery(mark === -1 ? '' : local.slice(mark + 1)),
  };
}
