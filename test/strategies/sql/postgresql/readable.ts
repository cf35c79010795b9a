import { expect } from '@jest/globals';
import type { StorageError } from '../../../../lib/repository/errors.ts';
import { rejection } from '../../../contract/rejection.ts';

const SQL = /\b(SELECT|INSERT INTO|UPDATE "|DELETE FROM|BEGIN|COMMIT|ROLLBACK)\b|\$\d/;

/** Checks that a message consists of complete sentences, without SQL, stack or secrets. */
export function expectReadable({ message }: Error, secrets: readonly string[] = []): void {
  expect(message).toMatch(/^[A-Z][^\n]*[^.]\.$/);
  expect(message).not.toMatch(SQL);
  expect(message).not.toMatch(/\.\.|undefined|\[object|node_modules|\.ts\b/);
  for (const secret of secrets) expect(message).not.toContain(secret);
}

/** The error of a call, which must say in a readable form that the store cannot be used now. */
export async function unavailability(call: Promise<unknown>): Promise<StorageError> {
  const error = await rejection(call);
  expect(error).toMatchObject({ code: 'storage_unavailable', retryable: true });
  expectReadable(error);
  return error;
}
