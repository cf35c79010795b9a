/** An execution of a state machine: the definition of the template, run by an interpreter, with functions for its tasks. */
import { StateMachine } from 'aws-local-stepfunctions';

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

interface State {
  readonly Type: string;
  readonly Resource?: string;
  readonly ItemProcessor?: { readonly States: Readonly<Record<string, State>> };
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** Calls the function of a task. */
export type Invoke = (task: { readonly state: string; readonly resource: string }, input: Json) => Promise<Json>;

export type Status = 'RUNNING' | 'SUCCEEDED' | 'FAILED' | 'ABORTED';

/** Input or output of a state. */
export interface Payload {
  readonly state: string;
  readonly bytes: number;
}

/** Tasks by the names of their states, those of Maps included. */
function tasksOf(states: Definition['States']): [state: string, resource: string][] {
  return Object.entries(states).flatMap(([name, { Type, Resource = '', ItemProcessor }]) => [
    ...(Type === 'Task' ? [[name, Resource] as [string, string]] : []),
    ...(ItemProcessor === undefined ? [] : tasksOf(ItemProcessor.States)),
  ]);
}

const UNIT_FAILED = {
  Error: 'States.ExceedToleratedFailureThreshold',
  Cause: 'The specified tolerated failure threshold was exceeded',
};

/** For how long a Wait state waits, whatever it says. */
const WAIT_MS = 200;

const bytesOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value ?? null));

export class Execution {
  readonly name: string;
  readonly #definition: Definition;
  readonly #invoke: Invoke;
  status: Status = 'RUNNING';
  redriveCount = 0;
  /** Result of an execution that has succeeded. */
  output: Json = null;
  /** The error of an execution that has failed. */
  error: Error | undefined;
  /** Names of the states in the order in which they were entered; units of Maps may take turns. */
  readonly entered: string[] = [];
  readonly payloads: Payload[] = [];
  /** Where a redrive resumes: the last state outside Maps, with its input. */
  #last: { readonly state: string; readonly input: Json };
  /** The last failed task. */
  #failed = '';
  #abort: () => void = () => {};
  #ended: Promise<void>;

  constructor(name: string, definition: Definition, input: Json, invoke: Invoke) {
    this.name = name;
    this.#definition = definition;
    this.#invoke = invoke;
    this.#last = { state: definition.StartAt, input };
    this.#ended = this.#run();
  }

  /** Waits for its end, with any outcome. */
  async ended(): Promise<Status> {
    await this.#ended;
    return this.status;
  }

  /** Stops it in its current state; running tasks continue unobserved. */
  abort(): void {
    this.status = 'ABORTED';
    this.#abort();
  }

  /** Resumes with the state that failed or was stopped, with the same input. */
  redrive(): void {
    if (this.status === 'RUNNING' || this.status === 'SUCCEEDED') throw new Error(`${this.name} cannot be redriven.`);
    this.redriveCount++;
    this.status = 'RUNNING';
    this.error = undefined;
    this.#ended = this.#run();
  }

  async #run(): Promise<void> {
    const { state: StartAt, input } = this.#last;
    const machine = new StateMachine({ ...this.#definition, StartAt } as never, {
      // The newest asl-validator has validated it; the bundled one does not support distributed Maps.
      validationOptions: { noValidate: true },
    });
    const tasks = tasksOf(this.#definition.States);
    const waits = Object.entries(this.#definition.States)
      .filter(([, { Type }]) => Type === 'Wait')
      .map(([name]) => name);
    const { abort, result, eventLogs } = machine.run(input as never, {
      context: { Execution: { Name: this.name, RedriveCount: this.redriveCount } },
      overrides: {
        taskResourceLocalHandlers: Object.fromEntries(
          tasks.map(([state, resource]) => [
            state,
            (given: unknown) => this.#call({ state, resource }, given as Json) as never,
          ]),
        ),
        // The pauses between attempts are for stores that are busy.
        waitTimeOverrides: Object.fromEntries(waits.map((state) => [state, WAIT_MS])),
        retryIntervalOverrides: Object.fromEntries(tasks.map(([state]) => [state, 0])),
      },
    });
    this.#abort = abort;
    const followed = this.#follow(eventLogs as AsyncIterable<LogEvent>);
    try {
      this.output = await result;
      this.status = 'SUCCEEDED';
    } catch (error) {
      if (this.status === 'ABORTED') return;
      this.status = 'FAILED';
      this.error = ((error as Error).cause ?? error) as Error;
    }
    await followed;
  }

  /** A distributed Map reports only that a unit has failed. */
  async #call(task: { readonly state: string; readonly resource: string }, given: Json): Promise<Json> {
    const hasError = typeof given === 'object' && given !== null && 'error' in given;
    const input = hasError && this.#failed.endsWith('Unit') ? { ...given, error: UNIT_FAILED } : given;
    try {
      return await this.#invoke(task, input);
    } catch (error) {
      this.#failed = task.state;
      throw error;
    }
  }

  async #follow(events: AsyncIterable<LogEvent>): Promise<void> {
    for await (const { type, state, index } of events) {
      if (state === undefined) continue;
      if (type === 'StateEntered') {
        this.entered.push(state.name);
        if (index === undefined) this.#last = { state: state.name, input: state.input };
      }
      if (type !== 'StateEntered' && type !== 'StateExited') continue;
      this.payloads.push({ state: state.name, bytes: bytesOf(type === 'StateEntered' ? state.input : state.output) });
    }
  }
}

interface LogEvent {
  readonly type: string;
  readonly state?: { readonly name: string; readonly input: Json; readonly output?: Json };
  /** Index of the unit, for states in a Map. */
  readonly index?: number;
}
