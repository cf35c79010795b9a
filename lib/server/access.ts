/** Access to the local server. On AWS, IAM does this. */
import { createHash, timingSafeEqual } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { ConfigurationError } from '../repository/errors.ts';
import { isLoopback } from '../service/http/loopback.ts';
import { RequestError } from '../service/http/request-error.ts';

/** @throws ConfigurationError if the server would be open to everybody on the network */
export function requireSafeHost(host: string, token: string | undefined): void {
  if (token !== undefined || isLoopback(host)) return;
  throw new ConfigurationError(
    `${host === '' ? 'Every address' : host} can be reached from other machines. Set HFSTORAGE_API_TOKEN to a secret that ` +
      'every call must carry, or listen on 127.0.0.1.',
  );
}

// Digests have a fixed length, so comparing them takes the same time whatever was sent.
const digest = (text: string): Buffer => createHash('sha256').update(text).digest();

function requireToken({ headers }: IncomingMessage, token: string): void {
  const [, sent] = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? '') ?? [];
  if (sent !== undefined && timingSafeEqual(digest(sent), digest(token))) return;
  const invalid = sent === undefined ? '' : ', error="invalid_token"';
  throw new RequestError(
    'unauthorized',
    'Send the token of this server: Authorization: Bearer <HFSTORAGE_API_TOKEN>.',
    {
      headers: { 'WWW-Authenticate': `Bearer realm="hostfactory"${invalid}` },
    },
  );
}

/**
 * A web page in a browser on this machine can call a loopback address through its own domain name that resolves to it
 * (DNS rebinding); the browser then sends that name.
 */
function requireLoopbackName(request: IncomingMessage): void {
  const host = (request.headers.host ?? '').replace(/:\d*$/, '');
  if (isLoopback(host)) return;
  throw new RequestError('misdirected_request', 'Without a token this server answers only to localhost and 127.0.0.1.');
}

const SAFE_METHODS: ReadonlySet<string | undefined> = new Set(['GET', 'HEAD', 'OPTIONS', 'TRACE']);

/** Whether an `Origin` header names the host that the call was sent to. */
function isOwnOrigin(origin: string, host: string): boolean {
  if (!URL.canParse(origin)) return false;
  const { protocol, host: own } = new URL(origin);
  // A default port may be written or left out.
  return URL.canParse(`${protocol}//${host}`) && new URL(`${protocol}//${host}`).host === own;
}

/**
 * A browser sends a page's call to this server whatever site the page belongs to, and withholds only the answer. It names
 * the origin of the call in headers that no page can set; other programs send neither header.
 */
function requireSameOrigin({ method, headers, headersDistinct }: IncomingMessage): void {
  if (SAFE_METHODS.has(method)) return;
  const isOwnSite = (headersDistinct['sec-fetch-site'] ?? []).every(
    (site) => site === 'same-origin' || site === 'none',
  );
  const isOwn = (headersDistinct.origin ?? []).every((origin) => isOwnOrigin(origin, headers.host ?? ''));
  if (isOwnSite && isOwn) return;
  throw new RequestError(
    'cross_site_call',
    'A page of another site may not change anything here. Call from a program, without Origin and Sec-Fetch-Site ' +
      'headers, or from a page of this server.',
  );
}

/**
 * Refuses calls that must not be served.
 * @throws RequestError malformed_request, unauthorized, misdirected_request or cross_site_call
 */
export function requireAccess(request: IncomingMessage, token: string | undefined): void {
  // RFC 9112, section 3.2: one Host header in every HTTP/1.1 request.
  if (request.httpVersion === '1.1' && request.headersDistinct.host?.length !== 1) {
    throw new RequestError('malformed_request', 'The request must carry one Host header.');
  }
  if (token === undefined) requireLoopbackName(request);
  else requireToken(request, token);
  requireSameOrigin(request);
}
