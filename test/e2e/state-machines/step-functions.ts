/** A fake Step Functions for the API's functions: starts executions of the templates' state machines, and describes them. */

import { arn } from '../deployed/physical-ids.ts';
import type { Resource } from '../deployed/stacks.ts';
import { type Definition, Execution, type Invoke, type Json } from './execution.ts';
import { type HttpService, type ServiceAnswer, serve } from './http-service.ts';

interface Machine {
  readonly arn: string;
  readonly name: string;
  readonly definition: Definition;
  readonly invoke: Invoke;
}

const JSON_TYPE = 'application/x-amz-json-1.0';
const fault = (code: string): ServiceAnswer => ({
  status: 400,
  type: JSON_TYPE,
  body: JSON.stringify({ __type: code, message: code }),
});
const answerOf = (body: object): ServiceAnswer => ({ type: JSON_TYPE, body: JSON.stringify(body) });

export class StepFunctions {
  readonly #machines = new Map<string, Machine>();
  readonly #executions = new Map<string, Execution>();

  /** @param invokeAs calls functions with the role of the state machine */
  add({ properties }: Resource, invokeAs: (roleArn: string, machine: string) => Invoke): void {
    const { StateMachineName, DefinitionString, RoleArn } = properties as Readonly<Record<string, string>>;
    const name = StateMachineName as string;
    const machineArn = arn('states', `stateMachine:${name}`);
    const definition = JSON.parse(DefinitionString as string) as Definition;
    this.#machines.set(machineArn, {
      arn: machineArn,
      name,
      definition,
      invoke: invokeAs(RoleArn as string, machineArn),
    });
  }

  /** An execution, by the name of the state machine and its own. */
  execution(machine: string, name: string): Execution {
    const found = this.#executions.get(`${machine}:${name}`);
    if (found === undefined) throw new Error(`There is no execution ${name} of ${machine}.`);
    return found;
  }

  start(machineArn: string, name: string, input: Json): Execution | undefined {
    const machine = this.#machines.get(machineArn);
    if (machine === undefined) throw new Error(`There is no state machine ${machineArn}.`);
    const key = `${machine.name}:${name}`;
    if (this.#executions.has(key)) return undefined;
    const execution = new Execution(name, machine.definition, input, machine.invoke);
    this.#executions.set(key, execution);
    return execution;
  }

  /** Serves the calls of the SDK. */
  serve(): Promise<HttpService> {
    return serve(({ operation, body }) => {
      const call = JSON.parse(body) as Readonly<Record<string, string>>;
      if (operation === 'StartExecution') {
        const { stateMachineArn = '', name = '', input = '{}' } = call;
        const started = this.start(stateMachineArn, name, JSON.parse(input) as Json);
        if (started === undefined) return fault('ExecutionAlreadyExists');
        return answerOf({ executionArn: `${stateMachineArn}:${name}`, startDate: Date.now() / 1000 });
      }
      if (operation !== 'DescribeExecution') return fault('UnknownOperationException');
      const [, machine = '', name = ''] = /:execution:([^:]+):(.+)$/.exec(call.executionArn ?? '') ?? [];
      const found = this.#executions.get(`${machine}:${name}`);
      if (found === undefined) return fault('ExecutionDoesNotExist');
      return answerOf({ executionArn: call.executionArn, status: found.status, startDate: Date.now() / 1000 });
    });
  }

  /** Stops running executions. */
  async stop(): Promise<void> {
    for (const execution of this.#executions.values()) if (execution.status === 'RUNNING') execution.abort();
  }
}
