/** The methods of the deployed API: those of the route table, and answers to everything else. */
import { describe, expect, test } from '@jest/globals';
import { routes } from '../../../lib/service/http/routes.ts';
import { shipped } from '../assembly-folder.ts';
import { templatesOf } from '../synthesized.ts';
import { methodsOf, ofType, operationOf, resourcesOf } from './api-template.ts';

const templateOf = await templatesOf(...shipped);

describe('methods', () => {
  const template = templateOf('dev', 'api');
  const methods = methodsOf(template);

  test('are those of the route table, with HEAD for each GET', () => {
    const served = methods.filter(({ properties }) => properties.Integration.Type === 'AWS_PROXY');
    const wanted = routes.flatMap(({ method, path }) =>
      method === 'GET' ? [`GET ${path}`, `HEAD ${path}`] : [`${method} ${path}`],
    );
    expect(served.map(({ method, path }) => `${method} ${path}`).toSorted()).toEqual(wanted.toSorted());
  });

  test('have no two sibling path variables, which API Gateway refuses', () => {
    const variable = ofType(template, 'AWS::ApiGateway::Resource')
      .filter(([, { PathPart }]) => PathPart.startsWith('{'))
      .map(([, { ParentId }]) => JSON.stringify(ParentId));
    expect(new Set(variable).size).toBe(variable.length);
  });

  test('call the function of their operation', () => {
    for (const { operation, method, path } of routes) {
      const { properties } = methods.find((one) => one.method === method && one.path === path) ?? {};
      const functionId = /"(Functions\w+)","Arn"/.exec(JSON.stringify(properties?.Integration.Uri))?.[1] ?? '';
      expect(operationOf(resourcesOf(template)[functionId]?.Properties)).toBe(operation);
    }
  });

  test.each(shipped)('of %s all accept only signed calls', (name) => {
    const types = methodsOf(templateOf(name, 'api')).map(({ properties }) => properties.AuthorizationType);
    expect(new Set(types)).toEqual(new Set(['AWS_IAM']));
  });

  test('answer unknown paths and methods with problems', () => {
    const answerAt = (path: string) => {
      const { properties } = methods.find((one) => one.method === 'ANY' && one.path === path) ?? {};
      const [response] = properties?.Integration.IntegrationResponses ?? [];
      return {
        problem: JSON.parse(response.ResponseTemplates['application/json']),
        headers: response.ResponseParameters,
      };
    };
    const entity = answerAt('/v1/{collection}/{id}');
    expect(entity.problem).toMatchObject({ type: 'urn:hostfactory:problem:method_not_allowed', status: 405 });
    expect(entity.headers['method.response.header.Allow']).toBe("'GET, HEAD, PUT, PATCH, DELETE'");
    for (const path of ['/v1', '/v1/{collection}/{id}/{unknown+}', '/v1/batch', '/v1/counts']) {
      expect(answerAt(path).problem).toMatchObject({ type: 'urn:hostfactory:problem:unknown_path', status: 404 });
    }
  });
});
