/**
 * The route table: every call of the API once, as data. The local server, the OpenAPI document and API Gateway's
 * methods are made from it. What serves a route is `lambdas/api/<operation>.ts`, which is not imported here.
 */
import type * as z from 'zod';
import { batchGetBody, batchSaveBody, provisionBody, transactionBody } from './body-schemas.ts';
import { backupBody, migrationBody } from './job-schemas.ts';

/** A body that the model describes: a whole entity, or changes to one. */
export type EntityBody = 'entity' | 'changes';

/** Schemas of answers, described in `openapi-schemas.ts`. */
export type AnswerSchema =
  | 'Entity'
  | 'Page'
  | 'Count'
  | 'BatchGetResult'
  | 'BatchSaveResult'
  | 'TransactionResult'
  | 'Provisioned'
  | 'Migration'
  | 'MigrationList'
  | 'Backup'
  | 'BackupList'
  | 'Health'
  | 'OpenApi';

export interface Answer {
  readonly description: string;
  /** Absent if the answer has no body. */
  readonly schema?: AnswerSchema;
  readonly headers?: readonly ('ETag' | 'Location')[];
}

export interface Route {
  /** Name of the Lambda function's file, and the operationId. */
  readonly operation: string;
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** With the parameters `{collection}` and `{id}`. */
  readonly path: `/v1/${string}`;
  readonly summary: string;
  /** How the function uses the store, which decides its permissions. */
  readonly access: 'none' | 'read' | 'write' | 'jobs';
  readonly body?: z.ZodType | EntityBody;
  /** Request headers it honours. */
  readonly preconditions?: readonly ('If-Match' | 'If-None-Match')[];
  /** Filters, with the parameters of a query or of a count. */
  readonly query?: 'query' | 'count';
  /** Answers by status. */
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses of the problems it may answer with, in addition to those of every route. */
  readonly problems: readonly number[];
}

const ENTITY = '/v1/{collection}/{id}';
const COLLECTION = '/v1/{collection}';

export const routes = [
  {
    operation: 'create-entity',
    method: 'POST',
    path: COLLECTION,
    summary: 'Create an entity',
    access: 'write',
    body: 'entity',
    answers: { 201: { description: 'The entity as stored.', schema: 'Entity', headers: ['Location', 'ETag'] } },
    problems: [404, 409, 413, 415],
  },
  {
    operation: 'query-entities',
    method: 'GET',
    path: COLLECTION,
    summary: 'Query a collection',
    access: 'read',
    query: 'query',
    answers: { 200: { description: 'One page, with a cursor if more follow.', schema: 'Page' } },
    problems: [404],
  },
  {
    operation: 'get-entity',
    method: 'GET',
    path: ENTITY,
    summary: 'Get an entity',
    access: 'read',
    preconditions: ['If-None-Match'],
    answers: {
      200: { description: 'The entity.', schema: 'Entity', headers: ['ETag'] },
      304: { description: 'The caller already has this version.', headers: ['ETag'] },
    },
    problems: [404],
  },
  {
    operation: 'save-entity',
    method: 'PUT',
    path: ENTITY,
    summary: 'Create or replace an entity',
    access: 'write',
    body: 'entity',
    preconditions: ['If-Match', 'If-None-Match'],
    answers: {
      200: { description: 'The entity was replaced.', schema: 'Entity', headers: ['ETag'] },
      201: { description: 'The entity was created.', schema: 'Entity', headers: ['ETag'] },
    },
    problems: [404, 409, 412, 413, 415],
  },
  {
    operation: 'update-entity',
    method: 'PATCH',
    path: ENTITY,
    summary: 'Replace top-level fields of an entity; null removes a field',
    access: 'write',
    body: 'changes',
    preconditions: ['If-Match'],
    answers: { 200: { description: 'The entity as stored.', schema: 'Entity', headers: ['ETag'] } },
    problems: [404, 409, 412, 413, 415],
  },
  {
    operation: 'delete-entity',
    method: 'DELETE',
    path: ENTITY,
    summary: 'Delete an entity',
    access: 'write',
    preconditions: ['If-Match'],
    answers: { 204: { description: 'The entity is gone.' } },
    problems: [404, 409, 412],
  },
  {
    operation: 'count-entities',
    method: 'GET',
    path: '/v1/counts/{collection}',
    summary: 'Count entities, optionally grouped by a field',
    access: 'read',
    query: 'count',
    answers: { 200: { description: 'The counts.', schema: 'Count' } },
    problems: [404],
  },
  {
    operation: 'batch-get',
    method: 'POST',
    path: '/v1/batch/get',
    summary: 'Get up to 1,000 entities by id',
    access: 'read',
    body: batchGetBody,
    answers: { 200: { description: 'The entities found, and the missing ids.', schema: 'BatchGetResult' } },
    problems: [413, 415],
  },
  {
    operation: 'batch-save',
    method: 'POST',
    path: '/v1/batch/save',
    summary: 'Create or replace up to 1,000 entities, each on its own',
    access: 'write',
    body: batchSaveBody,
    answers: { 200: { description: 'The outcome for each entity, in order.', schema: 'BatchSaveResult' } },
    problems: [413, 415],
  },
  {
    operation: 'execute-transaction',
    method: 'POST',
    path: '/v1/transactions',
    summary: 'Execute up to 100 operations, all or nothing',
    access: 'write',
    body: transactionBody,
    answers: { 200: { description: 'Every operation took effect.', schema: 'TransactionResult' } },
    problems: [404, 409, 413, 415],
  },
  {
    operation: 'provision-request',
    method: 'POST',
    path: '/v1/provision-requests',
    summary: 'Create a request with its machines',
    access: 'write',
    body: provisionBody,
    answers: {
      200: { description: 'What an earlier identical call stored.', schema: 'Provisioned' },
      201: { description: 'The new request and its machines.', schema: 'Provisioned', headers: ['Location'] },
    },
    problems: [409, 413, 415],
  },
  {
    operation: 'start-migration',
    method: 'POST',
    path: '/v1/migrations',
    summary: 'Start copying one store to another',
    access: 'jobs',
    body: migrationBody,
    answers: { 202: { description: 'The started migration.', schema: 'Migration', headers: ['Location'] } },
    problems: [409, 413, 415],
  },
  {
    operation: 'list-migrations',
    method: 'GET',
    path: '/v1/migrations',
    summary: 'List migrations, newest first',
    access: 'jobs',
    answers: { 200: { description: 'All known ones.', schema: 'MigrationList' } },
    problems: [],
  },
  {
    operation: 'get-migration',
    method: 'GET',
    path: '/v1/migrations/{id}',
    summary: 'Get the progress of a migration',
    access: 'jobs',
    answers: { 200: { description: 'The migration.', schema: 'Migration' } },
    problems: [404],
  },
  {
    operation: 'start-backup',
    method: 'POST',
    path: '/v1/backups',
    summary: 'Start a backup of the store',
    access: 'jobs',
    body: backupBody,
    answers: { 202: { description: 'The started backup.', schema: 'Backup' } },
    problems: [409, 413, 415],
  },
  {
    operation: 'list-backups',
    method: 'GET',
    path: '/v1/backups',
    summary: 'List backups, newest first',
    access: 'jobs',
    answers: { 200: { description: 'All known ones.', schema: 'BackupList' } },
    problems: [],
  },
  {
    operation: 'get-health',
    method: 'GET',
    path: '/v1/health',
    summary: 'Check whether the store can be used now',
    access: 'read',
    answers: { 200: { description: 'The store can be used.', schema: 'Health' } },
    problems: [],
  },
  {
    operation: 'get-openapi',
    method: 'GET',
    path: '/v1/openapi.json',
    summary: 'This document',
    access: 'none',
    answers: { 200: { description: 'An OpenAPI 3.1 document.', schema: 'OpenApi' } },
    problems: [],
  },
] as const satisfies readonly Route[];

export type Operation = (typeof routes)[number]['operation'];
