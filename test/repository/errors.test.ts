import { describe, expect, test } from '@jest/globals';
import * as errors from '../../lib/repository/errors.ts';

const examples: readonly [errors.StorageError, string, RegExp][] = [
  [
    new errors.ValidationError([
      { path: 'name', message: 'is required' },
      { path: '', message: 'must be a JSON object' },
    ]),
    'validation_failed',
    /^name is required; must be a JSON object$/,
  ],
  [new errors.EntityNotFoundError('machines', 'a"b'), 'entity_not_found', /machines "a\\"b"/],
  [new errors.EntityExistsError('templates', 't', 3), 'entity_exists', /version 3/],
  [
    new errors.ConcurrencyConflictError('templates', 't', 2, 5),
    'concurrency_conflict',
    /is at version 5.*version 2.*retry/,
  ],
  [new errors.ConcurrencyConflictError('templates', 't', 'exists', 0), 'concurrency_conflict', /does not exist/],
  [new errors.ReferenceNotFoundError('request_id', 'requests', 'r'), 'reference_not_found', /^request_id refers to/],
  [new errors.TemplateNotFoundError('t'), 'template_not_found', /^template_id refers to templates "t"/],
  [new errors.EntityInUseError('templates', 't', 'requests'), 'entity_in_use', /by requests/],
  [new errors.TransactionTooLargeError(100), 'transaction_too_large', /more than 100/],
  [new errors.UnsupportedOperationError('No.'), 'unsupported_operation', /^No\.$/],
  [new errors.StorageUnavailableError('Busy.'), 'storage_unavailable', /^Busy\.$/],
  [new errors.StorageDamagedError('Torn.'), 'storage_damaged', /^Torn\.$/],
  [new errors.ConfigurationError('Wrong.'), 'configuration_invalid', /^Wrong\.$/],
  [new errors.MigrationError('Stopped.'), 'migration_failed', /^Stopped\.$/],
  [new errors.BackupError('Torn.'), 'backup_failed', /^Torn\.$/],
];

describe('errors', () => {
  test.each(examples)('%s', (error, code, message) => {
    expect(error.code).toBe(code);
    expect(error.message).toMatch(message);
    expect(error.name).toBe(error.constructor.name);
    expect(error).toBeInstanceOf(errors.StorageError);
    expect(error.retryable).toBe(code === 'storage_unavailable');
  });

  test('every class is among the examples, and no two share a code', () => {
    const classes = Object.values(errors).filter(
      (value) => typeof value === 'function' && value !== errors.StorageError,
    );
    expect(new Set(examples.map(([error]) => error.constructor))).toEqual(new Set(classes));
    const codes = new Map(examples.map(([error, code]) => [code, error.constructor]));
    expect(codes.size).toBe(classes.length);
  });

  test('the cause is kept, and a missing template is a missing reference', () => {
    const cause = new Error('socket');
    expect(new errors.StorageUnavailableError('Down.', { cause }).cause).toBe(cause);
    expect(new errors.TemplateNotFoundError('t')).toBeInstanceOf(errors.ReferenceNotFoundError);
  });
});
