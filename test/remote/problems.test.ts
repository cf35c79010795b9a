import { describe, expect, test } from '@jest/globals';
import { errorOf, RemoteCallError } from '../../lib/remote/remote-errors.ts';
import * as errors from '../../lib/repository/errors.ts';
import { isProblemCode, problemTypes } from '../../lib/service/http/problem-types.ts';
import { problemOf } from '../../lib/service/http/problems.ts';

const machine = { collection: 'machines', id: 'm 1', fields: { request_id: 'r"1', template_id: 't\n1' } } as const;

/** Errors of the repository, converted to the service's problems and back. */
const same: readonly [errors.StorageError, Parameters<typeof errorOf>[1]][] = [
  [
    new errors.ValidationError([
      { path: 'tags.a[2]', message: 'must be' },
      { path: '', message: 'x' },
    ]),
    undefined,
  ],
  [new errors.EntityNotFoundError('machines', 'm 1'), machine],
  [new errors.EntityExistsError('machines', 'm 1', 7), { ...machine, expect: 0 }],
  [new errors.ConcurrencyConflictError('machines', 'm 1', 3, 4), { ...machine, expect: 3 }],
  [new errors.ConcurrencyConflictError('machines', 'm 1', 'exists', 0), { ...machine, expect: 'exists' }],
  [new errors.ReferenceNotFoundError('request_id', 'requests', 'r"1'), machine],
  [new errors.TemplateNotFoundError('t\n1'), machine],
  // Its template would have come from the request, so the call did not name it.
  [new errors.TemplateNotFoundError('a "t"'), { ...machine, fields: { request_id: 'r' } }],
  [new errors.EntityInUseError('requests', 'r', 'machines'), { collection: 'requests', id: 'r' }],
  [new errors.EntityInUseError('templates', 't', 'requests'), { collection: 'templates', id: 't' }],
  [new errors.EntityInUseError('templates', 't', 'machines'), { collection: 'templates', id: 't' }],
  [new errors.TransactionTooLargeError(100), undefined],
  [new errors.UnsupportedOperationError('not here'), undefined],
];

test.each(same)('%s survives the round trip', (error, target) => {
  const again = errorOf(problemOf(error), target);
  expect(again).toBeInstanceOf(error.constructor);
  expect({ ...again, message: again.message }).toEqual({ ...error, message: error.message });
});

test('the service’s own errors keep their kind but no details', () => {
  const unavailable = errorOf(problemOf(new errors.StorageUnavailableError('host db-1 is down')));
  expect(unavailable).toBeInstanceOf(errors.StorageUnavailableError);
  expect(unavailable).toMatchObject({ retryable: true, message: expect.not.stringContaining('db-1') });
  expect(errorOf(problemOf(new errors.StorageDamagedError('/data')))).toBeInstanceOf(errors.StorageDamagedError);
});

describe('every problem of the API is an error with a code', () => {
  test.each(Object.keys(problemTypes).filter(isProblemCode))('%s', (code) => {
    const { status, title } = problemTypes[code];
    const problem = { type: `urn:hostfactory:problem:${code}`, title, status, detail: 'A "detail".' } as const;
    const targets = [undefined, { ...machine, expect: 1 }, { collection: 'templates', id: 't', expect: 0 }] as const;
    for (const target of targets) {
      const error = errorOf(problem, target);
      expect(error).toBeInstanceOf(errors.StorageError);
      if (error instanceof RemoteCallError) expect(error).toMatchObject({ code, status, message: 'A "detail".' });
    }
  });
});
