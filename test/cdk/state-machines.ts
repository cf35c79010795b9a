/** Definitions of state machines as CDK synthesizes them. */
import { createRequire } from 'node:module';
import type { Template } from 'aws-cdk-lib/assertions';

interface Part {
  readonly 'Fn::GetAtt'?: readonly [string, string];
  readonly Ref?: string;
}

/** A template text with an ARN for each function. */
const textOf = (parts: readonly (string | Part)[]): string =>
  parts
    .map((part) => {
      if (typeof part === 'string') return part;
      const [name] = part['Fn::GetAtt'] ?? [part.Ref];
      return part.Ref === undefined ? `arn:aws:lambda:us-east-1:123456789012:function:${name}` : `${name}`;
    })
    .join('');

export interface State {
  readonly Type: string;
  readonly [key: string]: unknown;
}

export interface Definition {
  readonly StartAt: string;
  readonly States: Readonly<Record<string, State>>;
}

/** The definition of a stack's only state machine. */
export function definitionIn(template: Template): Definition {
  const [machine] = Object.values(template.findResources('AWS::StepFunctions::StateMachine'));
  return JSON.parse(textOf(machine?.Properties.DefinitionString['Fn::Join'][1])) as Definition;
}

/** All states by name, including those of Maps. */
export function statesOf({ States }: Pick<Definition, 'States'>): Map<string, State> {
  const states = new Map<string, State>();
  for (const [name, state] of Object.entries(States)) {
    states.set(name, state);
    const inner = state.ItemProcessor as Definition | undefined;
    if (inner !== undefined) for (const [deeper, each] of statesOf(inner)) states.set(deeper, each);
  }
  return states;
}

/** The package has no types. */
const validator = createRequire(import.meta.url)('asl-validator') as (definition: object) => {
  readonly isValid: boolean;
  errorsText(): string;
};

/** The errors that asl-validator reports; empty if the definition is valid. */
export function faultsOf(definition: Definition): string {
  // The validator modifies its input.
  const result = validator(structuredClone(definition));
  return result.isValid ? '' : result.errorsText();
}
