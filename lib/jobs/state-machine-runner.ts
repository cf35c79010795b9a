/** Runs the jobs of a deployment: each is an execution of a state machine, which waits for its turn itself. */
import {
  DescribeExecutionCommand,
  ExecutionAlreadyExists,
  ExecutionDoesNotExist,
  SFNClient,
  StartExecutionCommand,
} from '@aws-sdk/client-sfn';
import type { Location } from '../objects/location.ts';
import { ConfigurationError } from '../repository/errors.ts';
import type { JobKind } from '../transfer/job-locks.ts';
import type { Activity, JobRunner } from './runner.ts';
import { Turns } from './turns.ts';

/** Variables with the ARNs of the state machines. */
const variables = {
  migration: 'HFSTORAGE_MIGRATION_STATE_MACHINE',
  backup: 'HFSTORAGE_BACKUP_STATE_MACHINE',
} as const satisfies Record<JobKind, string>;

/** Statuses of executions that go on by themselves. */
const ACTIVE = new Set<string | undefined>(['RUNNING', 'PENDING_REDRIVE']);

export interface StateMachineOptions {
  readonly states: Location;
  /** How many jobs of a kind may run at the same time. */
  readonly limitOf: (kind: JobKind) => number;
}

export class StateMachineRunner implements JobRunner {
  readonly #client = new SFNClient({});
  readonly #options: StateMachineOptions;

  constructor(options: StateMachineOptions) {
    this.#options = options;
  }

  async start(kind: JobKind, id: string): Promise<void> {
    try {
      const input = JSON.stringify({ [`${kind}_id`]: id });
      await this.#client.send(new StartExecutionCommand({ stateMachineArn: stateMachine(kind), name: id, input }));
    } catch (error) {
      // The call came twice, or the execution has ended: that of a failed job is redriven, not started again.
      if (!(error instanceof ExecutionAlreadyExists)) throw error;
    }
  }

  async activityOf(kind: JobKind, id: string): Promise<Activity | undefined> {
    if (!(await this.#isActive(kind, id))) return undefined;
    return (await this.turnsOf(kind).holders()).includes(id) ? 'running' : 'waiting';
  }

  /** The turns of the jobs of a kind. */
  turnsOf(kind: JobKind): Turns {
    const { states, limitOf } = this.#options;
    return new Turns({ states, kind, limit: limitOf(kind), isActive: (id) => this.#isActive(kind, id) });
  }

  async #isActive(kind: JobKind, name: string): Promise<boolean> {
    const executionArn = `${stateMachine(kind).replace(':stateMachine:', ':execution:')}:${name}`;
    try {
      return ACTIVE.has((await this.#client.send(new DescribeExecutionCommand({ executionArn }))).status);
    } catch (error) {
      if (error instanceof ExecutionDoesNotExist) return false;
      throw error;
    }
  }
}

function stateMachine(kind: JobKind): string {
  const arn = process.env[variables[kind]];
  if (arn !== undefined) return arn;
  throw new ConfigurationError(`The environment variable ${variables[kind]} is not set: deploy this function again.`);
}
