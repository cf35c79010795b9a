/** The HTTP API without HTTP: what a service function takes and gives, whichever adapter calls it. */
import type { Repository } from '../repository/repository.ts';

export interface ServiceRequest {
  /** Path parameters, percent-decoded. */
  readonly params: ReadonlyMap<string, string>;
  /** Query parameters, decoded, with the values of a repeated one in order. */
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** Header names are in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Parsed JSON; undefined where no body was sent. */
  readonly body: unknown;
}

export interface ServiceResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** To be sent as JSON; undefined where the answer has no body. */
  readonly body?: unknown;
  /** Errors of the service's own behind parts of the answer, for the log alone. */
  readonly failures?: readonly unknown[];
}

/** Serves one operation. What it throws, `problemAnswer` turns into an answer. */
export type ServiceFunction = (repository: Repository, request: ServiceRequest) => Promise<ServiceResponse>;

export const JSON_TYPE = 'application/json';

/** Bytes of a request body: what Lambda takes (6 MB). */
export const MAX_BODY_BYTES = 6 * 1024 * 1024;

/** An answer with a JSON body. */
export const jsonAnswer = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ServiceResponse => ({ status, headers: { 'Content-Type': JSON_TYPE, ...headers }, body });
