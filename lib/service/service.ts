/** The HTTP API without HTTP: the input and output of a service function, whichever adapter calls it. */
import type { Repository } from '../repository/repository.ts';

export interface ServiceRequest {
  /** Path parameters, percent-decoded. */
  readonly params: ReadonlyMap<string, string>;
  /** Query parameters, decoded, with the values of a repeated one in order. */
  readonly query: ReadonlyMap<string, readonly string[]>;
  /** Header names are in lower case. */
  readonly headers: ReadonlyMap<string, readonly string[]>;
  /** Parsed JSON; undefined if the request has no body. */
  readonly body: unknown;
}

export interface ServiceResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as JSON; undefined if the answer has no body. */
  readonly body?: unknown;
  /** The service's own errors behind parts of the answer, for the log only. */
  readonly failures?: readonly unknown[];
}

/** Serves one operation. `problemAnswer` turns whatever it throws into an answer. */
export type ServiceFunction = (repository: Repository, request: ServiceRequest) => Promise<ServiceResponse>;

export const JSON_TYPE = 'application/json';

/** Largest request body in bytes. Lambda: 6 MB. */
export const MAX_BODY_BYTES = 6 * 1024 * 1024;

/** An answer with a JSON body. */
export const jsonAnswer = (
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): ServiceResponse => ({ status, headers: { 'Content-Type': JSON_TYPE, ...headers }, body });
