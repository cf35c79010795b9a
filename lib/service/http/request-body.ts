/** Reads the body of a request: its media type, its encoding, its JSON. */
import { parseJson } from '../../model/parse-json.ts';
import { decodeUtf8 } from '../../model/utf8.ts';
import { MAX_BODY_BYTES, type ServiceRequest } from '../service.ts';
import { jsonTextProblem } from './json-scan.ts';
import { shorten } from './problems.ts';
import { RequestError } from './request-error.ts';

const JSON_TYPE = /^(?:application\/json|[\w!#$&^.-]+\/[\w!#$&^.+-]+\+json)$/i;
const UTF_8 = /^charset="?utf-?8"?$/i;

const malformed = (detail: string): RequestError => new RequestError('malformed_request', detail);

/** The error for a body over the limit. */
export const bodyTooLarge = (): RequestError =>
  new RequestError(
    'body_too_large',
    `The body may take at most ${MAX_BODY_BYTES} bytes. Send fewer entities in one call.`,
  );

function requireJson(headers: ServiceRequest['headers']): void {
  const sent = headers.get('content-type');
  const refuse = (what: string): RequestError =>
    new RequestError('unsupported_media_type', `${what} Send the body as Content-Type: application/json in UTF-8.`, {
      headers: { Accept: 'application/json' },
    });
  if (sent === undefined) throw refuse('The body has no Content-Type.');
  const [type = '', ...parameters] = sent.join(', ').split(';');
  if (!JSON_TYPE.test(type.trim())) throw refuse(`The body is ${JSON.stringify(shorten(type.trim(), 100))}.`);
  const charset = parameters.map((parameter) => parameter.trim()).find((parameter) => /^charset=/i.test(parameter));
  if (charset !== undefined && !UTF_8.test(charset)) throw refuse(`The body has the ${shorten(charset, 50)}.`);
  const encoding = headers.get('content-encoding')?.join(', ') ?? 'identity';
  if (!/^identity$/i.test(encoding)) throw refuse(`The body has the encoding ${shorten(encoding, 50)}.`);
}

function decode(body: Uint8Array): string {
  try {
    return decodeUtf8(body);
  } catch (cause) {
    const detail = `The body cannot be read: ${(cause as Error).message}.`;
    throw new RequestError('malformed_request', detail, { cause });
  }
}

/**
 * The JSON value of a body.
 * @param body text or bytes, whichever the adapter has
 * @returns undefined if there is no body
 * @throws RequestError (400, 413 or 415)
 */
export function parseBody(body: string | Uint8Array, headers: ServiceRequest['headers']): unknown {
  const bytes = typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength;
  if (bytes === 0) return undefined;
  if (bytes > MAX_BODY_BYTES) throw bodyTooLarge();
  requireJson(headers);
  const text = typeof body === 'string' ? body.replace(/^\ufeff/, '') : decode(body);
  const problem = jsonTextProblem(text);
  if (problem !== undefined) throw malformed(`The body ${problem}.`);
  try {
    return parseJson(text);
  } catch (error) {
    // V8's messages quote only a few characters around the mistake.
    throw malformed(`The body is not JSON: ${(error as Error).message}`);
  }
}
