/** Readers for the template of the API stack: methods with their paths, functions with their permissions. */
import type { Template } from 'aws-cdk-lib/assertions';
import { type Operation, type Route, routes } from '../../../lib/service/http/routes.ts';

interface Resource {
  readonly Type: string;
  readonly Properties: ReturnType<Template['toJSON']>[string];
}

export const resourcesOf = (template: Template): Record<string, Resource> => template.toJSON().Resources;

export const ofType = (template: Template, type: string): [id: string, properties: Resource['Properties']][] =>
  Object.entries(resourcesOf(template)).flatMap(([id, { Type, Properties }]) =>
    Type === type ? [[id, Properties]] : [],
  );

/** The paths of a template's resources by logical id, with the leading stage. */
function paths(template: Template): (id: unknown) => string {
  const resources = new Map(ofType(template, 'AWS::ApiGateway::Resource'));
  const pathOf = (reference: { Ref?: string; 'Fn::GetAtt'?: string[] }): string => {
    const resource = resources.get(reference.Ref ?? '');
    return resource === undefined ? '/v1' : `${pathOf(resource.ParentId)}/${resource.PathPart}`;
  };
  return (id) => pathOf(id as { Ref?: string });
}

export const methodsOf = (template: Template) => {
  const pathOf = paths(template);
  return ofType(template, 'AWS::ApiGateway::Method').map(([, properties]) => ({
    method: properties.HttpMethod as string,
    path: pathOf(properties.ResourceId),
    properties,
  }));
};

/** The operation that a function belongs to, by its description. */
export const operationOf = ({ Description }: { Description: string }): Operation =>
  (routes as readonly Route[]).find(({ summary }) => Description.endsWith(`: ${summary}`))?.operation as Operation;

/** The permissions of each operation's role: actions by the last part of the resource. */
export function allowances(template: Template): Map<Operation, Map<string, string[]>> {
  const policies = ofType(template, 'AWS::IAM::Policy');
  return new Map(
    ofType(template, 'AWS::Lambda::Function').map(([, properties]) => {
      const role = properties.Role['Fn::GetAtt'][0];
      const statements = policies
        .filter(([, policy]) => JSON.stringify(policy.Roles).includes(`"${role}"`))
        .flatMap(([, { PolicyDocument }]) => PolicyDocument.Statement);
      const allowed = new Map<string, string[]>();
      for (const { Effect, Action, Resource: resource } of statements) {
        if (Effect !== 'Allow') continue;
        for (const one of [resource].flat()) {
          const name = nameOf(one);
          allowed.set(name, [...(allowed.get(name) ?? []), ...[Action].flat()].toSorted());
        }
      }
      return [operationOf(properties), allowed];
    }),
  );
}

/** The shortest distinguishable name of a resource in a policy. */
const nameOf = (resource: unknown): string => {
  const text = JSON.stringify(resource);
  return /table\/([^"]+)"/.exec(text)?.[1] ?? /(Log)[0-9A-F]{8}"/.exec(text)?.[1] ?? text;
};
