/** What the functions of the API that start and follow migrations and backups may do. */
import type { Operation } from '../../service/http/routes.ts';
import type { PrefixAccess } from '../data/backup-bucket.ts';
import type { DataStack } from '../data/data-stack.ts';
import type { PREFIXES } from '../environment/placeholders.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import { acknowledgeWildcard } from '../nag-reasons.ts';
import { executionArns, type JobKind, machineArn } from './job-names.ts';

interface JobNeeds {
  readonly kind: JobKind;
  readonly starts?: true;
  readonly objects: { readonly [P in keyof typeof PREFIXES]?: PrefixAccess };
}

const needs: { readonly [O in Operation]?: JobNeeds } = {
  'start-migration': { kind: 'migration', starts: true, objects: { state: 'write' } },
  'list-migrations': { kind: 'migration', objects: { state: 'read' } },
  'get-migration': { kind: 'migration', objects: { state: 'read' } },
  'start-backup': { kind: 'backup', starts: true, objects: { state: 'write', backups: 'read' } },
  'list-backups': { kind: 'backup', objects: { state: 'read', backups: 'read' } },
};

/** Operations whose functions read the configuration of migrations and backups. */
export const jobOperations = Object.keys(needs) as readonly Operation[];

const variables: Readonly<Record<JobKind, string>> = {
  backup: 'HFSTORAGE_BACKUP_STATE_MACHINE',
  migration: 'HFSTORAGE_MIGRATION_STATE_MACHINE',
};

/** Allows the function of an operation on jobs what it needs, and sets its variables; nothing for any other operation. */
export function connectJobs(target: ServiceFunction, operation: Operation, deployment: string, data: DataStack): void {
  const found = needs[operation];
  if (found === undefined) return;
  const { kind, starts, objects } = found;
  // It says where stores are, and opens none.
  data.uncached.describe(target);
  data.backups.connect(target, objects);
  followExecutions(target, deployment, kind);
  if (starts) target.allow(['states:StartExecution'], [machineArn(deployment, kind)]);
}

/** Allows a function to ask whether an execution runs, and names the state machine to it. */
export function followExecutions(target: ServiceFunction, deployment: string, kind: JobKind): void {
  target.setVariable(variables[kind], machineArn(deployment, kind));
  const executions = executionArns(deployment, kind);
  target.allow(['states:DescribeExecution'], [executions]);
  acknowledgeWildcard(target.role, executions, 'Executions of the state machine, which have the ids of what they do.');
}
