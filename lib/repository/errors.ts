/** Every error that a caller can get: one class per cause, a stable `code`, and a message that says what to do. */
import type { CollectionName } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { type Problem, problemsInWords } from '../model/json-values.ts';

export abstract class StorageError extends Error {
  /** Stable, for programs: part of the HTTP problem type. */
  abstract readonly code: string;
  /** Whether the same call may succeed later without any change. */
  readonly retryable: boolean = false;

  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The input breaks a rule of the model or of the call. Nothing was stored. */
export class ValidationError extends StorageError {
  readonly code: string = 'validation_failed';
  readonly problems: readonly Problem[];

  constructor(problems: readonly Problem[], subject?: string) {
    super(subject === undefined ? problemsInWords(problems) : `${subject}: ${problemsInWords(problems)}`);
    this.problems = problems;
  }
}

const named = (collection: CollectionName, id: string): string => `${collection} ${JSON.stringify(id)}`;

/** There is no entity with this id. */
export class EntityNotFoundError extends StorageError {
  readonly code = 'entity_not_found';
  readonly collection: CollectionName;
  readonly id: string;

  constructor(collection: CollectionName, id: string) {
    super(`There is no entity ${named(collection, id)}.`);
    this.collection = collection;
    this.id = id;
  }
}

/** An entity to be created exists already. */
export class EntityExistsError extends StorageError {
  readonly code = 'entity_exists';
  readonly collection: CollectionName;
  readonly id: string;
  readonly currentVersion: number;

  constructor(collection: CollectionName, id: string, currentVersion: number) {
    super(`${named(collection, id)} exists already, at version ${currentVersion}. Update it, or choose another id.`);
    this.collection = collection;
    this.id = id;
    this.currentVersion = currentVersion;
  }
}

/** Another writer has changed the entity since the caller read it. */
export class ConcurrencyConflictError extends StorageError {
  readonly code = 'concurrency_conflict';
  readonly collection: CollectionName;
  readonly id: string;
  readonly expectedVersion: number | 'exists';
  /** 0 if the entity does not exist. */
  readonly currentVersion: number;
  /** The current entity, if it exists: merge into it and write over its version. */
  readonly current: Entity | undefined;

  constructor(
    collection: CollectionName,
    id: string,
    expectedVersion: number | 'exists',
    currentVersion: number,
    current?: Entity,
  ) {
    const found = currentVersion === 0 ? 'does not exist' : `is at version ${currentVersion}`;
    const expected = expectedVersion === 'exists' ? 'it to exist' : `version ${expectedVersion}`;
    super(`${named(collection, id)} ${found}; the call expected ${expected}. Read it again, merge and retry.`);
    this.collection = collection;
    this.id = id;
    this.expectedVersion = expectedVersion;
    this.currentVersion = currentVersion;
    this.current = current;
  }
}

/** A referenced entity is missing. */
export class ReferenceNotFoundError extends StorageError {
  readonly code: string = 'reference_not_found';
  readonly field: string;
  readonly parent: CollectionName;
  readonly parentId: string;

  constructor(field: string, parent: CollectionName, parentId: string) {
    super(`${field} refers to ${named(parent, parentId)}, which does not exist. Create it first, or correct ${field}.`);
    this.field = field;
    this.parent = parent;
    this.parentId = parentId;
  }
}

/** A referenced template is missing. */
export class TemplateNotFoundError extends ReferenceNotFoundError {
  override readonly code = 'template_not_found';

  constructor(templateId: string) {
    super('template_id', 'templates', templateId);
  }
}

/** An entity that others refer to cannot be deleted. */
export class EntityInUseError extends StorageError {
  readonly code = 'entity_in_use';
  readonly collection: CollectionName;
  readonly id: string;
  readonly referencedBy: CollectionName;

  constructor(collection: CollectionName, id: string, referencedBy: CollectionName) {
    super(`${named(collection, id)} is still referred to by ${referencedBy}. Delete those first.`);
    this.collection = collection;
    this.id = id;
    this.referencedBy = referencedBy;
  }
}

/** A transaction touches more entities than all stores can commit together. */
export class TransactionTooLargeError extends StorageError {
  readonly code = 'transaction_too_large';

  constructor(limit: number) {
    super(
      `The transaction touches more than ${limit} entities, counting what it reads, writes and checks and the parents ` +
        'that must exist. Split it, or use a batch if atomicity is not needed.',
    );
  }
}

/** The store does not support the operation, as its capabilities declare. */
export class UnsupportedOperationError extends StorageError {
  readonly code = 'unsupported_operation';
}

/** The store cannot be reached, is busy or is full. The same call may succeed later. */
export class StorageUnavailableError extends StorageError {
  readonly code = 'storage_unavailable';
  override readonly retryable = true;
}

/** Stored data is damaged. Nothing is overwritten until an operator decides. */
export class StorageDamagedError extends StorageError {
  readonly code = 'storage_damaged';
}

/** The configuration cannot be used. */
export class ConfigurationError extends StorageError {
  readonly code = 'configuration_invalid';
}

/** A migration cannot start, or had to stop. Both stores hold whole entities; the message says how to continue. */
export class MigrationError extends StorageError {
  readonly code = 'migration_failed';
}

/** A backup cannot be made, read or restored. */
export class BackupError extends StorageError {
  readonly code = 'backup_failed';
}
