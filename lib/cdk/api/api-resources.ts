/** API Gateway's resources and methods, derived from the route table. */
import {
  type IResource,
  LambdaIntegration,
  type MethodOptions,
  MockIntegration,
  PassthroughBehavior,
  type RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { problemTypes } from '../../service/http/problem-types.ts';
import { type Operation, type Route, routes } from '../../service/http/routes.ts';
import type { ApiFunctions } from './api-functions.ts';
import { PROBLEM_TYPE } from './gateway-responses.ts';

/** Name of the stage and thus the first segment of every path, so that the paths equal those of the route table. */
export const STAGE = 'v1';

/** The segments of a route's path below the stage. */
function segmentsOf({ path }: Pick<Route, 'path'>): string[] {
  const [, stage, ...segments] = path.split('/');
  if (stage !== STAGE) throw new TypeError(`${path} does not begin with /${STAGE}.`);
  return segments;
}

/** HEAD is served as GET. */
const methodsOf = (method: Route['method']): string[] => (method === 'GET' ? ['GET', 'HEAD'] : [method]);

/** An integration that answers with a problem without calling a function. */
function problemAnswer(code: 'unknown_path' | 'method_not_allowed', detail: string, headers: Record<string, string>) {
  const { status, title } = problemTypes[code];
  const body = JSON.stringify({ type: `urn:hostfactory:problem:${code}`, title, status, detail });
  const all = { 'Content-Type': PROBLEM_TYPE, 'Cache-Control': 'no-store', ...headers };
  const parameters = Object.entries(all).map(([name, value]) => [`method.response.header.${name}`, `'${value}'`]);
  return {
    integration: new MockIntegration({
      passthroughBehavior: PassthroughBehavior.NEVER,
      requestTemplates: { 'application/json': `{"statusCode":${status}}` },
      integrationResponses: [
        {
          statusCode: `${status}`,
          responseParameters: Object.fromEntries(parameters),
          responseTemplates: { 'application/json': body },
        },
      ],
    }),
    methodResponses: [
      { statusCode: `${status}`, responseParameters: Object.fromEntries(parameters.map(([name]) => [name, true])) },
    ],
  };
}

/** Adds the methods of all routes, and problems for unknown paths and methods. */
export function addResources(restApi: RestApi, functions: ApiFunctions, options: MethodOptions): void {
  const methods = new Map<IResource, string[]>();
  // One integration per function: its invoke permission covers the resources it is used with.
  const integrations = new Map<Operation, LambdaIntegration>();
  for (const { operation, method, path } of routes) {
    const integration =
      integrations.get(operation) ?? new LambdaIntegration(functions.get(operation).lambda, { allowTestInvoke: false });
    integrations.set(operation, integration);
    const resource = resourceAt(restApi.root, segmentsOf({ path }), (made) => methods.set(made, []));
    for (const httpMethod of methodsOf(method)) {
      resource.addMethod(httpMethod, integration, options);
      methods.get(resource)?.push(httpMethod);
    }
  }
  for (const [resource, allowed] of methods) {
    const { integration, methodResponses } =
      allowed.length === 0
        ? unknownPath()
        : problemAnswer('method_not_allowed', `${pathOf(resource)} answers ${allowed.join(', ')}.`, {
            Allow: allowed.join(', '),
          });
    resource.addMethod('ANY', integration, { ...options, methodResponses });
  }
  const { integration, methodResponses } = unknownPath();
  // API Gateway allows only one path variable per level; other deeper paths are left to its own answer.
  const deeper = resourceAt(restApi.root, ['{collection}', '{id}', '{unknown+}'], () => {});
  for (const resource of [restApi.root, deeper]) {
    resource.addMethod('ANY', integration, { ...options, methodResponses });
  }
}

const unknownPath = () =>
  problemAnswer('unknown_path', `There is nothing at this path. GET /${STAGE}/openapi.json lists all paths.`, {});

const pathOf = ({ path }: IResource): string => `/${STAGE}${path}`;

function resourceAt(root: IResource, segments: readonly string[], made: (resource: IResource) => void): IResource {
  return segments.reduce<IResource>((parent, segment) => {
    const known = parent.getResource(segment);
    if (known !== undefined) return known;
    const resource = parent.addResource(segment);
    made(resource);
    return resource;
  }, root);
}
