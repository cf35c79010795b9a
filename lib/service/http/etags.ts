/** Entity tags (an entity's version in quotes) and the preconditions that use them (RFC 9110, section 13). */
import { MAX_INTEGER } from '../../model/collections.ts';
import { ConcurrencyConflictError, EntityExistsError, ValidationError } from '../../repository/errors.ts';
import type { Expectation } from '../../repository/guarded-write.ts';
import type { ServiceRequest } from '../service.ts';
import { RequestError } from './request-error.ts';

const ETAG = String.raw`(?:W\/)?"[\x21\x23-\x7e\x80-\xff]*"`;
const VERSION = /^"([1-9]\d{0,9})"$/;

/** No entity reaches this version, so expecting it never holds: a tag that is not ours matches nothing. */
const NEVER = MAX_INTEGER;

export const etagOf = (entity: { readonly version: number }): string => `"${entity.version}"`;

const fieldValue = (request: ServiceRequest, name: string): string | undefined =>
  request.headers.get(name)?.join(', ').trim();

/** The tags of a list; undefined if it is not one. One pass, since a pattern for the whole list could backtrack. */
function etagsIn(list: string): string[] | undefined {
  const separator = /[ \t,]*/y;
  const tag = new RegExp(`(${ETAG})[ \\t]*(?:,|$)`, 'y');
  const tags: string[] = [];
  for (let at = 0; ; at = tag.lastIndex) {
    separator.lastIndex = at;
    separator.test(list);
    if (separator.lastIndex === list.length) return tags.length === 0 ? undefined : tags;
    tag.lastIndex = separator.lastIndex;
    const found = tag.exec(list)?.[1];
    if (found === undefined) return undefined;
    tags.push(found);
  }
}

function ifMatch(value: string): Expectation {
  if (value === '*') return 'exists';
  const [tag, ...others] = etagsIn(value) ?? [];
  if (tag === undefined) {
    const detail = 'If-Match must be * or the ETag of an answer with its quotes, such as "3".';
    throw new RequestError('malformed_request', detail);
  }
  if (others.length > 0) {
    throw new RequestError('malformed_request', 'If-Match takes one ETag: an entity has one version at a time.');
  }
  return Math.min(Number(VERSION.exec(tag)?.[1] ?? NEVER), NEVER);
}

/**
 * The version that the headers of a write expect.
 * @param target 'any' if the write may also create the entity, so that `If-None-Match: *` makes sense
 * @throws RequestError (400) if the headers are malformed or contradict each other
 */
export function preconditionOf(request: ServiceRequest, target: 'any' | 'existing'): Expectation {
  const match = fieldValue(request, 'if-match');
  const noneMatch = fieldValue(request, 'if-none-match');
  if (noneMatch === undefined) return match === undefined ? undefined : ifMatch(match);
  if (target === 'existing') {
    throw new RequestError('malformed_request', 'This call takes If-Match, not If-None-Match. Leave the latter out.');
  }
  if (match !== undefined) {
    throw new RequestError('malformed_request', 'If-Match and If-None-Match cannot both hold. Leave one of them out.');
  }
  if (noneMatch === '*') return 0;
  throw new RequestError('malformed_request', 'If-None-Match takes only * here, for an entity that must not exist.');
}

/** Whether the `If-None-Match` of a read names this version (weak comparison): the caller already has it. */
export function callerHas(request: ServiceRequest, etag: string): boolean {
  const value = fieldValue(request, 'if-none-match');
  if (value === undefined) return false;
  if (value === '*') return true;
  const tags = etagsIn(value);
  if (tags === undefined) {
    throw new RequestError('malformed_request', 'If-None-Match must be * or a list of ETags with quotes, such as "3".');
  }
  return tags.some((tag) => tag.replace(/^W\//, '') === etag);
}

/**
 * Runs a write under the precondition in its headers. If it does not hold, the error is a 412; conflicts with a version in
 * the body keep their own status.
 * @param bodyVersion the version in the body
 * @throws RequestError precondition_failed, ValidationError if header and body differ, and what `write` throws
 */
export async function underPrecondition<T>(
  precondition: Expectation,
  bodyVersion: unknown,
  write: () => Promise<T>,
): Promise<T> {
  if (typeof precondition === 'number' && typeof bodyVersion === 'number' && precondition !== bodyVersion) {
    const message = `is ${bodyVersion}, but the header asks for another version, or for none; leave one of them out`;
    throw new ValidationError([{ path: 'version', message }]);
  }
  try {
    return await write();
  } catch (error) {
    const conflict = error instanceof ConcurrencyConflictError || error instanceof EntityExistsError;
    if (precondition === undefined || !conflict) throw error;
    const { collection, id, currentVersion } = error;
    // `If-Match: *` holds if the entity exists: then the conflict is with the version in the body.
    if (precondition === 'exists' && currentVersion !== 0) throw error;
    const found = currentVersion === 0 ? 'does not exist' : `is at version ${currentVersion}`;
    const header = precondition === 0 ? 'If-None-Match' : 'If-Match';
    const detail = `${collection} ${JSON.stringify(id)} ${found}, so ${header} does not hold. Read it again, merge and retry.`;
    throw new RequestError('precondition_failed', detail, { currentVersion, cause: error });
  }
}
