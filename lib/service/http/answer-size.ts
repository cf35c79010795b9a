/** Keeps every answer under 5 MB. */

import type { ServiceResponse } from '../service.ts';
import { RequestError } from './request-error.ts';

/** Largest answer in bytes. Lambda: 6 MB including the escaping of the body, which Lambda's own answer holds as a string. */
export const MAX_ANSWER_BYTES = 5_000_000;

/** Reserved for everything around the entities of an answer: member names, a cursor. */
export const ENVELOPE_BYTES = 10_000;

/** Bytes of JSON text inside Lambda's answer, where every quote and backslash is escaped by another backslash. */
const escapedBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;

/** Bytes a value takes in an answer. */
export const sizeInAnswer = (value: unknown): number => escapedBytes(JSON.stringify(value));

/** The number of leading `items`, separated by commas, that fit into `bytes`. */
export function countThatFits(items: readonly unknown[], bytes: number): number {
  let used = 0;
  for (const [i, item] of items.entries()) {
    used += sizeInAnswer(item) + 1;
    if (used > bytes) return i;
  }
  return items.length;
}

/** The error for one entity that no answer can hold: only a record written by another program can be that large. */
export const entityTooLarge = (): RequestError =>
  new RequestError(
    'answer_too_large',
    `An entity of the answer takes more than ${MAX_ANSWER_BYTES} bytes. Read it with \`hfstorage get\` and make it smaller.`,
  );

/**
 * The JSON text of an answer; undefined if it has no body.
 * @throws RequestError if the text would take too many bytes
 */
export function answerText({ body }: ServiceResponse): string | undefined {
  if (body === undefined) return undefined;
  const text = JSON.stringify(body);
  // A UTF-16 unit of JSON text takes three bytes at most, so most answers need not be measured.
  if (text.length * 3 > MAX_ANSWER_BYTES && escapedBytes(text) > MAX_ANSWER_BYTES) throw entityTooLarge();
  return text;
}
