/** Errors that only a call over a network can end with. */
import { StorageError, StorageUnavailableError } from '../repository/errors.ts';

/** The service, or something on the way to it, refused a call for a reason that no store has. */
export class RemoteCallError extends StorageError {
  /** The code of the service's problem, or `access_denied`, or `unexpected_answer` where the answer is not the API's. */
  readonly code: string;
  readonly status: number;

  constructor(code: string, status: number, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.status = status;
  }
}

/** A write was sent and its outcome is not known: it may have been stored or not. It was not sent again. */
export class AnswerLostError extends StorageUnavailableError {
  /** @param what such as `PUT /v1/machines/m-1` */
  constructor(what: string, reason: string, options?: ErrorOptions) {
    super(`${what} may have been stored or not: ${reason}. Read what is there before you send it again.`, options);
  }
}
