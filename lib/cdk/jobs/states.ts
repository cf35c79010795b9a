/** States of Amazon States Language, as both state machines use them. JSONPath is what the interpreter of the tests runs right. */

export type State = Readonly<Record<string, unknown>>;
export type States = Readonly<Record<string, State>>;

/** A state machine. */
export interface Definition {
  readonly Comment: string;
  readonly StartAt: string;
  readonly TimeoutSeconds: number;
  readonly States: States;
}

/** Seconds of a task: Lambda's 15 minutes, and a little for the call. */
const TASK_SECONDS = 930;

/** Names of errors that come again however often the task is repeated. */
const FINAL_ERRORS = ['JobFailedError', 'MigrationError', 'ConfigurationError', 'ValidationError'];

/** The store may be busy, or Lambda at its limit. Units that fail together are spread by chance. */
const RETRY = [
  { ErrorEquals: FINAL_ERRORS, MaxAttempts: 0 },
  {
    ErrorEquals: ['States.ALL'],
    IntervalSeconds: 5,
    BackoffRate: 2,
    MaxAttempts: 5,
    MaxDelaySeconds: 120,
    JitterStrategy: 'FULL',
  },
];

/** Where a state goes on, and where when it has failed for good: nowhere else, the execution fails in that state. */
interface Onwards {
  readonly next: string;
  readonly failed?: string | undefined;
}

const catching = (failed: string | undefined): State =>
  failed === undefined ? {} : { Catch: [{ ErrorEquals: ['States.ALL'], ResultPath: '$.error', Next: failed }] };

export interface TaskOptions extends Onwards {
  /** ARN of the function. */
  readonly resource: string;
  readonly parameters?: State;
  /** Where its result goes; it is not kept where left out. */
  readonly result?: string;
}

/** A task that a function does. */
export const task = ({ resource, parameters, result, next, failed }: TaskOptions): State => ({
  Type: 'Task',
  Resource: resource,
  ...(parameters !== undefined && { Parameters: parameters }),
  ResultPath: result ?? null,
  TimeoutSeconds: TASK_SECONDS,
  Retry: RETRY,
  ...catching(failed),
  Next: next,
});

export interface UnitsOptions extends Onwards {
  readonly name: string;
  /** Function that goes on with a unit and says whether it is done. */
  readonly resource: string;
  /** Path of the list of units. */
  readonly units: string;
  /** What each call gets besides its unit. */
  readonly common: State;
  readonly concurrency: number;
}

/**
 * A Map over units, each in an execution of its own, with a history of its own. A unit is called until it is done: a call ends
 * before Lambda's time does, and what it has reached is in S3.
 */
export function eachUnit({ name, resource, units, common, concurrency, next, failed }: UnitsOptions): States {
  const [unit, isDone, end] = [`${name}Unit`, `${name}UnitIsDone`, `${name}UnitEnds`];
  const parameters = Object.fromEntries(Object.keys(common).map((key) => [key, `$.${key.replace(/\.\$$/, '')}`]));
  return {
    [name]: {
      Type: 'Map',
      Label: name,
      ItemsPath: units,
      ItemSelector: { ...common, 'unit.$': '$$.Map.Item.Value' },
      MaxConcurrency: concurrency,
      ItemProcessor: {
        ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
        StartAt: unit,
        States: {
          [unit]: task({
            resource,
            parameters: { ...parameters, 'unit.$': '$.unit' },
            result: '$.progress',
            next: isDone,
          }),
          [isDone]: choice([[is('$.progress.done'), end]], unit),
          // The result of all units together is limited to 256 KB.
          [end]: { Type: 'Succeed', OutputPath: '$.progress' },
        },
      },
      ResultPath: null,
      ...catching(failed),
      Next: next,
    },
  };
}

/** A condition: that something is true. */
export const is = (variable: string): State => ({ Variable: variable, BooleanEquals: true });

/** A condition: that something is a text. */
export const equals = (variable: string, text: string): State => ({ Variable: variable, StringEquals: text });

/** Goes where the first condition that holds says. */
export const choice = (choices: readonly (readonly [condition: State, next: string])[], otherwise: string): State => ({
  Type: 'Choice',
  Choices: choices.map(([condition, next]) => ({ ...condition, Next: next })),
  Default: otherwise,
});
