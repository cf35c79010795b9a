/** Keeps every answer under 5 MB. */

import type { ServiceResponse } from '../service.ts';
import { RequestError } from './request-error.ts';

/** Most bytes of an answer. Lambda: 6 MB for its answer, in which the body is a string once more escaped. */
export const MAX_ANSWER_BYTES = 5_000_000;

/** Left for what stands around the entities of an answer: names, a cursor. */
export const ENVELOPE_BYTES = 10_000;

/** Bytes of JSON text inside Lambda's answer, where every quote and backslash takes a second backslash. */
const escapedBytes = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2;

/** Bytes a value takes in an answer. */
export const sizeInAnswer = (value: unknown): number => escapedBytes(JSON.stringify(value));

/** How many of the first `items`, separated by commas, fit into `room` bytes. */
export function compatibility(items: readonly unknown[], room: number): number {
  let used = 0;
  for (const [i, item] of items.entries()) {
    used += sizeInAnswer(item) + 1;
    if (used > room) return i;
  }
  return items.length;
}

/** The error of one entity that no answer can hold: only a record that others wrote can be as large. */
export const entityTooLarge = (): RequestError =>
  new RequestError(
    'answer_too_large',
    `An entity of the answer takes more than ${MAX_ANSWER_BYTES} bytes. Read it with \`hfstorage get\` and make it smaller.`,
  );

/**
 * The JSON text of an answer; undefined where it has no body.
 * @throws RequestError where the text would take too many bytes
 */
export function answerText({ body }: ServiceResponse): string | undefined {
  if (body === undefined) return undefined;
  const text = JSON.stringify(body);
  // A UTF-16 unit of JSON text takes three bytes at most, so that most answers need not be measured.
  if (text.length * 3 > MAX_ANSWER_BYTES && escapedBytes(text) > MAX_ANSWER_BYTES) throw entityTooLarge();
  return text;
}
