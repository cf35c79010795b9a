/** The Lambda handlers by operation: the local server runs the same code. */
import { handler as batchGet } from '../../lambdas/api/batch-get.ts';
import { handler as batchSave } from '../../lambdas/api/batch-save.ts';
import { handler as countEntities } from '../../lambdas/api/count-entities.ts';
import { handler as createEntity } from '../../lambdas/api/create-entity.ts';
import { handler as deleteEntity } from '../../lambdas/api/delete-entity.ts';
import { handler as executeTransaction } from '../../lambdas/api/execute-transaction.ts';
import { handler as getEntity } from '../../lambdas/api/get-entity.ts';
import { handler as getHealth } from '../../lambdas/api/get-health.ts';
import { handler as getMigration } from '../../lambdas/api/get-migration.ts';
import { handler as getOpenapi } from '../../lambdas/api/get-openapi.ts';
import { handler as listBackups } from '../../lambdas/api/list-backups.ts';
import { handler as listMigrations } from '../../lambdas/api/list-migrations.ts';
import { handler as provisionRequest } from '../../lambdas/api/provision-request.ts';
import { handler as queryEntities } from '../../lambdas/api/query-entities.ts';
import { handler as saveEntity } from '../../lambdas/api/save-entity.ts';
import { handler as startBackup } from '../../lambdas/api/start-backup.ts';
import { handler as startMigration } from '../../lambdas/api/start-migration.ts';
import { handler as updateEntity } from '../../lambdas/api/update-entity.ts';
import type { ApiHandler } from '../lambda/api-answering.ts';
import type { Operation } from '../service/http/routes.ts';

export const handlers: Readonly<Record<Operation, ApiHandler>> = {
  'create-entity': createEntity,
  'query-entities': queryEntities,
  'get-entity': getEntity,
  'save-entity': saveEntity,
  'update-entity': updateEntity,
  'delete-entity': deleteEntity,
  'count-entities': countEntities,
  'batch-get': batchGet,
  'batch-save': batchSave,
  'execute-transaction': executeTransaction,
  'provision-request': provisionRequest,
  'get-migration': getMigration,
  'list-backups': listBackups,
  'list-migrations': listMigrations,
  'start-backup': startBackup,
  'start-migration': startMigration,
  'get-health': getHealth,
  'get-openapi': getOpenapi,
};
