/** What is said of a service that gives no answer. */
import { getSystemErrorMessage } from 'node:util';
import { ConfigurationError, type StorageError, StorageUnavailableError } from '../repository/errors.ts';
import { NoAnswer, type NotSent } from './http-exchange.ts';

/** Node names what is wrong with a certificate by codes such as CERT_HAS_EXPIRED or DEPTH_ZERO_SELF_SIGNED_CERT. */
const CERTIFICATE = /CERT|UNABLE_TO_VERIFY|UNABLE_TO_GET_ISSUER|ERR_TLS_/;

/** The error of the socket; of the first address where a host has several. */
function socketError({ cause }: Error): NodeJS.ErrnoException {
  return (cause instanceof AggregateError ? cause.errors[0] : cause) as NodeJS.ErrnoException;
}

/** Whether another attempt may fare better. */
export function worthRepeating(failure: NotSent | NoAnswer): boolean {
  const { code = '' } = socketError(failure);
  return code !== 'ENOTFOUND' && code !== 'EPROTO' && !CERTIFICATE.test(code);
}

/** The error of a service that was not reached, or did not answer. */
export function unreachable(url: string, failure: NotSent | NoAnswer): StorageError {
  const { code = '', errno, message } = socketError(failure);
  const { hostname } = new URL(url);
  if (code === 'ENOTFOUND') {
    return new StorageUnavailableError(`${url} cannot be reached: there is no host ${hostname}. Check the URL.`, {
      cause: failure,
    });
  }
  if (CERTIFICATE.test(code)) {
    const remedy = 'Name the file of its certificate authority in NODE_EXTRA_CA_CERTS.';
    return new ConfigurationError(`The certificate of ${hostname} cannot be verified: ${message}. ${remedy}`, {
      cause: failure,
    });
  }
  if (code === 'EPROTO') {
    return new ConfigurationError(`${url} does not speak TLS. Check the URL: https:// or http://, and the port.`, {
      cause: failure,
    });
  }
  const known = failure.message === message && errno !== undefined;
  const reason = known ? getSystemErrorMessage(errno) : failure.message || message;
  return failure instanceof NoAnswer
    ? new StorageUnavailableError(`${url} gave no answer: ${reason}. Try again in a while.`, { cause: failure })
    : new StorageUnavailableError(`${url} cannot be reached: ${reason}. Check the URL, and that the service runs.`, {
        cause: failure,
      });
}
