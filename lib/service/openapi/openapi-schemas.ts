/** JSON Schemas (2020-12, as in OpenAPI 3.1) of entities, generated from the model, and of answers. */
import {
  type CollectionDeclaration,
  type CollectionName,
  collectionNames,
  declarationOf,
  type FieldDeclaration,
  fieldsOf,
  MAX_INTEGER,
  systemFields,
} from '../../model/collections.ts';
import type { JsonObject, JsonValue } from '../../model/entities.ts';
import { problemTypes } from '../http/problem-types.ts';
import type { AnswerSchema, EntityBody } from '../http/routes.ts';
import { backupStates, jobStates } from '../jobs.ts';

type Schema = JsonObject;

export const schemaRef = (name: string): Schema => ({ $ref: `#/components/schemas/${name}` });

/** For example `Template`; callers send `TemplateInput` and `TemplateChanges`. */
const schemaName = (collection: CollectionName): string =>
  collection.charAt(0).toUpperCase() + collection.slice(1).replace(/s$/, '');

export const entityNames = collectionNames.map(schemaName);

/** Schema of a body that the model describes, for a path that all collections share. */
export const entityBodySchema = (body: EntityBody): Schema => ({
  anyOf: entityNames.map((name) => schemaRef(`${name}${body === 'entity' ? 'Input' : 'Changes'}`)),
});

function integerSchema({ minimum, exception }: FieldDeclaration): Schema {
  const range = { minimum: minimum ?? -MAX_INTEGER, maximum: MAX_INTEGER };
  if (exception === undefined) return { type: 'integer', ...range };
  return { type: 'integer', anyOf: [range, { const: exception }] };
}

function valueSchema(field: FieldDeclaration): Schema {
  const { minLength, maxLength } = field;
  switch (field.type) {
    case 'string':
      return { type: 'string', ...(minLength && { minLength }), ...(maxLength && { maxLength }) };
    case 'integer':
      return integerSchema(field);
    case 'timestamp':
      return { type: 'string', format: 'date-time' };
    case 'list':
      return { type: 'array', items: true };
    case 'object':
      return { type: 'object' };
  }
}

const fieldSchema = (field: FieldDeclaration): Schema => ({
  ...valueSchema(field),
  description: field.description,
  ...(field.default !== undefined && { default: field.default }),
});

const nullable = (schema: Schema): Schema => {
  const { description, default: fallback, ...value } = schema;
  return {
    anyOf: [value, { type: 'null' }],
    ...(description !== undefined && { description }),
    ...(fallback !== undefined && { default: fallback }),
  };
};

function objectSchema(description: string, properties: Schema, required: readonly string[]): Schema {
  const fields = required.length > 0 ? { required: [...required] } : {};
  return { type: 'object', description, properties, ...fields, additionalProperties: true };
}

/** Makes every field nullable that may be null (absent). */
function propertiesOf(
  collection: CollectionName,
  mayBeNull: (name: string, field: FieldDeclaration) => boolean,
): Schema {
  return Object.fromEntries(
    [...fieldsOf(collection)].map(([name, field]) => {
      const schema = fieldSchema(field);
      return [name, mayBeNull(name, field) ? nullable(schema) : schema];
    }),
  );
}

function entitySchemas(collection: CollectionName): [string, Schema][] {
  const { description, fields }: CollectionDeclaration = declarationOf(collection);
  const name = schemaName(collection);
  const required = Object.keys(fields).filter((field) => fields[field]?.required === true);
  const mandatory = required.filter((field) => {
    const { default: fallback, defaultFrom } = fields[field] as FieldDeclaration;
    return fallback === undefined && defaultFrom === undefined;
  });
  const optional = (field: string): boolean => !required.includes(field);
  const stored = propertiesOf(collection, () => false);
  return [
    [name, objectSchema(description, stored, [...required, ...Object.keys(systemFields)])],
    [
      `${name}Input`,
      objectSchema(
        'Creates or replaces the entity. The id may be left out if the path has it; unknown fields are kept.',
        propertiesOf(collection, (field) => !mandatory.includes(field)),
        mandatory.filter((field) => field !== declarationOf(collection).idField),
      ),
    ],
    [`${name}Changes`, objectSchema('Fields to replace; null removes one.', propertiesOf(collection, optional), [])],
  ];
}

const strict = (properties: Schema, required = Object.keys(properties)): Schema => ({
  type: 'object',
  properties,
  required,
});

const list = (items: Schema): Schema => ({ type: 'array', items });
const text: Schema = { type: 'string' };
const count: Schema = { type: 'integer', minimum: 0 };
const version: Schema = { type: 'integer', minimum: 0, description: 'Current version of the entity.' };
const collection: Schema = { type: 'string', enum: [...collectionNames] };
const cursor: Schema = { type: 'string', description: 'Start of the next page; absent on the last page.' };
const entity: Schema = { anyOf: entityNames.map(schemaRef) };

const jobId: Schema = { type: 'string', description: 'Sorts by time if the service generated it.' };
const time: Schema = { type: 'string', format: 'date-time' };
const perCollection = (value: Schema): Schema =>
  strict(Object.fromEntries(collectionNames.map((name) => [name, value])));

const differenceKinds = ['missing', 'different', 'newer', 'extra'];

const migration: Schema = strict(
  {
    id: jobId,
    state: { type: 'string', enum: [...jobStates] },
    source: { type: 'string', description: 'Where the source is, without secrets.' },
    target: { type: 'string', description: 'Where the target is, without secrets.' },
    started_at: time,
    updated_at: time,
    collections: perCollection(
      strict({ read: count, copied: count, skipped: count, total: count }, ['read', 'copied', 'skipped']),
    ),
    backup: { type: 'string', description: 'The backup of the source.' },
    failure: { type: 'string', description: 'Why it failed, and what to do.' },
    differences: strict(Object.fromEntries(differenceKinds.map((kind) => [kind, count]))),
    differing: {
      type: 'array',
      description: 'The first twenty entities that differ.',
      items: strict({ collection, id: { type: 'string' }, kind: { type: 'string', enum: differenceKinds } }),
    },
  },
  ['id', 'state', 'source', 'target', 'started_at', 'updated_at', 'collections'],
);

const backup: Schema = strict(
  {
    id: jobId,
    state: { type: 'string', enum: [...backupStates] },
    created_at: time,
    entities: perCollection(count),
    bytes: { ...count, description: 'Total size of its files.' },
    consistent: { type: 'boolean', description: 'Whether it is a snapshot of the store at one moment.' },
    failure: { type: 'string', description: 'What is wrong with it, and what to do.' },
  },
  ['id', 'state', 'created_at'],
);

const answerSchemas: Readonly<Record<AnswerSchema, Schema>> = {
  Entity: entity,
  Page: strict({ items: list(schemaRef('Entity')), next_cursor: cursor }, ['items']),
  Count: strict({ count, groups: { type: 'object', additionalProperties: count } }, ['count']),
  BatchGetResult: strict(
    {
      items: list(schemaRef('Entity')),
      missing: list(text),
      unprocessed: { ...list(text), description: 'Ids to request again: the answer was full.' },
    },
    ['items', 'missing'],
  ),
  BatchSaveResult: strict({
    results: list(
      strict(
        {
          id: { type: 'string', description: 'Absent if the entity has no usable id.' },
          status: { type: 'string', enum: ['saved', 'conflict', 'invalid', 'failed'] },
          version,
          problem: schemaRef('Problem'),
        },
        ['status'],
      ),
    ),
  }),
  TransactionResult: strict({
    results: list(strict({ collection, id: text, version }, ['collection', 'id'])),
  }),
  Provisioned: strict(
    {
      request: schemaRef('Request'),
      machines: list(schemaRef('Machine')),
      next_cursor: {
        type: 'string',
        description: 'Continues with GET /v1/machines?request_id=… if not all machines fit.',
      },
    },
    ['request', 'machines'],
  ),
  Migration: migration,
  MigrationList: strict({ items: list(schemaRef('Migration')) }),
  Backup: backup,
  BackupList: strict({ items: list(schemaRef('Backup')) }),
  Health: strict({ status: { type: 'string', const: 'ok' } }),
  OpenApi: { type: 'object' },
};

const problem: Schema = {
  ...strict(
    {
      type: { type: 'string', enum: Object.keys(problemTypes).map((code) => `urn:hostfactory:problem:${code}`) },
      title: text,
      status: { type: 'integer' },
      detail: { type: 'string', description: 'What is wrong with this call, and what to do about it.' },
      errors: list(strict({ path: text, message: text })),
      current_version: { type: 'integer', minimum: 0, description: '0 if the entity does not exist.' },
      operation_index: { type: 'integer', minimum: 0, description: 'The operation of a transaction that failed.' },
    },
    ['type', 'title', 'status', 'detail'],
  ),
  description: 'RFC 9457 problem details.',
};

/** Every named schema that the model and the answers need. */
export const namedSchemas = (): Record<string, JsonValue> => ({
  ...Object.fromEntries(collectionNames.flatMap(entitySchemas)),
  ...answerSchemas,
  Problem: problem,
});
