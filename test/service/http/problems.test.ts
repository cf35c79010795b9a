import { describe, expect, test } from '@jest/globals';
import * as errors from '../../../lib/repository/errors.ts';
import { type ProblemCode, problemTypes } from '../../../lib/service/http/problem-types.ts';
import { isFailure, problemAnswer, problemOf, shorten } from '../../../lib/service/http/problems.ts';
import { OperationError, RequestError } from '../../../lib/service/http/request-error.ts';

const cases: [Error, number, ProblemCode][] = [
  [new errors.ValidationError([{ path: 'a', message: 'is wrong' }]), 400, 'validation_failed'],
  [new errors.TransactionTooLargeError(100), 400, 'transaction_too_large'],
  [new errors.UnsupportedOperationError('No queries here.'), 400, 'unsupported_operation'],
  [new errors.EntityNotFoundError('machines', 'm'), 404, 'entity_not_found'],
  [new errors.EntityExistsError('machines', 'm', 3), 409, 'entity_exists'],
  [new errors.ConcurrencyConflictError('machines', 'm', 2, 3), 409, 'concurrency_conflict'],
  [new errors.ReferenceNotFoundError('request_id', 'requests', 'r'), 409, 'reference_not_found'],
  [new errors.TemplateNotFoundError('t'), 409, 'template_not_found'],
  [new errors.EntityInUseError('templates', 't', 'requests'), 409, 'entity_in_use'],
  [new errors.StorageUnavailableError('disk full'), 503, 'storage_unavailable'],
  [new errors.StorageDamagedError('bad file'), 503, 'storage_damaged'],
  [new errors.ConfigurationError('bad key'), 500, 'internal_error'],
  [new Error('anything'), 500, 'internal_error'],
];

describe('problemOf', () => {
  test.each(cases)('%s is a %i', (error, status, code) => {
    const problem = problemOf(error);
    expect(problem).toMatchObject({ type: `urn:hostfactory:problem:${code}`, status, title: problemTypes[code].title });
    expect(isFailure(error)).toBe(status >= 500);
    if (status >= 500) expect(problem.detail).not.toContain(error.message);
    else expect(problem.detail).toBe(error.message);
  });

  test('keeps the answer readable whatever input it quotes', () => {
    const problems = Array.from({ length: 10_000 }, () => ({ path: 'p'.repeat(1000), message: '😀'.repeat(1000) }));
    const problem = problemOf(new errors.ValidationError(problems));
    expect(JSON.stringify(problem).length).toBeLessThan(50_000);
    expect(problem.errors).toHaveLength(50);
    expect(JSON.stringify(problem).isWellFormed()).toBe(true);
  });

  test('names the operation of a transaction, with the details of its error', () => {
    const conflict = new OperationError(7, new errors.ConcurrencyConflictError('machines', 'm', 2, 3));
    expect(problemOf(conflict)).toMatchObject({ status: 409, operation_index: 7, current_version: 3 });
    const unavailable = new OperationError(7, new errors.StorageUnavailableError('full'));
    expect(problemAnswer(unavailable)).toMatchObject({ status: 503, headers: { 'Retry-After': '5' } });
    expect([isFailure(conflict), isFailure(unavailable)]).toEqual([false, true]);
  });

  test('carries the headers of its error', () => {
    const error = new RequestError('method_not_allowed', 'No.', { headers: { Allow: 'GET' } });
    expect(problemAnswer(error).headers).toEqual({ 'Content-Type': 'application/problem+json', Allow: 'GET' });
  });
});

test('shorten does not split characters', () => {
  expect(shorten('😀😀', 4)).toBe('😀😀');
  expect(shorten('😀😀', 3)).toBe('😀…');
  expect(shorten('😀😀😀', 4)).toBe('😀�…');
});
