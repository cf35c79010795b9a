/** The deployed API: every route, what each function may do, and who may call it. */
import { describe, expect, test } from '@jest/globals';
import { Match, type Template } from 'aws-cdk-lib/assertions';
import { needsOf } from '../../../lib/cdk/functions/store-permissions.ts';
import { jobOperations } from '../../../lib/cdk/jobs/job-access.ts';
import type { Operation, Route } from '../../../lib/service/http/routes.ts';
import { routes } from '../../../lib/service/http/routes.ts';
import { shipped } from '../assembly-folder.ts';
import { environment, templatesOf } from '../synthesized.ts';

const templateOf = await templatesOf(
  ...shipped,
  ...(['plain', 'private', 'mutual-tls', 'as-little-as-possible', 'other-numbers'] as const),
);

interface Resource {
  readonly Type: string;
  readonly Properties: ReturnType<Template['toJSON']>[string];
}

const resourcesOf = (template: Template): Record<string, Resource> => template.toJSON().Resources;

const ofType = (template: Template, type: string): [id: string, properties: Resource['Properties']][] =>
  Object.entries(resourcesOf(template)).flatMap(([id, { Type, Properties }]) =>
    Type === type ? [[id, Properties]] : [],
  );

/** The paths of a template's resources by logical id, with the stage in front. */
function paths(template: Template): (id: unknown) => string {
  const resources = new Map(ofType(template, 'AWS::ApiGateway::Resource'));
  const pathOf = (reference: { Ref?: string; 'Fn::GetAtt'?: string[] }): string => {
    const resource = resources.get(reference.Ref ?? '');
    return resource === undefined ? '/v1' : `${pathOf(resource.ParentId)}/${resource.PathPart}`;
  };
  return (id) => pathOf(id as { Ref?: string });
}

const methodsOf = (template: Template) => {
  const pathOf = paths(template);
  return ofType(template, 'AWS::ApiGateway::Method').map(([, properties]) => ({
    method: properties.HttpMethod as string,
    path: pathOf(properties.ResourceId),
    properties,
  }));
};

/** The operation that a function belongs to, by its description. */
const operationOf = ({ Description }: { Description: string }): Operation =>
  (routes as readonly Route[]).find(({ summary }) => Description.endsWith(`: ${summary}`))?.operation as Operation;

/** What the role of each operation allows: actions by the last part of the resource. */
function allowances(template: Template): Map<Operation, Map<string, string[]>> {
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

/** A resource of a policy, as short as can be told apart. */
const nameOf = (resource: unknown): string => {
  const text = JSON.stringify(resource);
  return /table\/([^"]+)"/.exec(text)?.[1] ?? /(Log)[0-9A-F]{8}"/.exec(text)?.[1] ?? text;
};

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

  test('have no two variable parts beside each other, which API Gateway refuses', () => {
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

  test.each(shipped)('of %s all take signed calls only', (name) => {
    const types = methodsOf(templateOf(name, 'api')).map(({ properties }) => properties.AuthorizationType);
    expect(new Set(types)).toEqual(new Set(['AWS_IAM']));
  });

  test('answer what no route has with problems', () => {
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

describe('functions', () => {
  test('run Node 24 on arm64, with a log that ends, and find their configuration', () => {
    const template = templateOf('prod', 'api');
    const functions = ofType(template, 'AWS::Lambda::Function');
    expect(functions.map(([, properties]) => operationOf(properties)).toSorted()).toEqual(
      [...new Set(routes.map(({ operation }) => operation))].toSorted(),
    );
    for (const [, properties] of functions) {
      expect(properties).toMatchObject({
        Runtime: 'nodejs24.x',
        Architectures: ['arm64'],
        MemorySize: 1024,
        Timeout: 28,
        TracingConfig: { Mode: 'Active' },
        Environment: { Variables: { HFSTORAGE_CONFIG: 'config.json', POWERTOOLS_SERVICE_NAME: 'hostfactory' } },
      });
      expect(properties.ReservedConcurrentExecutions).toBeUndefined();
    }
    template.allResourcesProperties('AWS::Logs::LogGroup', { RetentionInDays: 365 });
  });

  test('have the concurrency that is reserved for them', () => {
    const template = templateOf('other-numbers', 'api');
    template.allResourcesProperties('AWS::Lambda::Function', { ReservedConcurrentExecutions: 7 });
  });

  test('on DynamoDB may do what their operation needs, and nothing else', () => {
    const allowed = allowances(templateOf('dev', 'api'));
    const tables = Object.fromEntries(
      [...allowed].map(([operation, byResource]) => [
        operation,
        Object.fromEntries(
          [...byResource]
            .filter(([resource]) => resource.startsWith('hostfactory_'))
            .map(([resource, actions]) => [resource, actions.map((action) => action.replace('dynamodb:', ''))]),
        ),
      ]),
    );
    expect(tables).toMatchSnapshot();
    for (const [operation, byResource] of allowed) {
      const others = [...byResource.keys()].filter((resource) => !resource.startsWith('hostfactory_'));
      const ofJobs = ['"*"', 'Log', expect.stringContaining('BackupBucket'), expect.stringContaining(':states:')];
      const expected = jobOperations.includes(operation) ? expect.arrayContaining(ofJobs) : ['"*"', 'Log'];
      expect([operation, others.toSorted()]).toEqual([operation, expected]);
      expect(byResource.get('"*"')).toEqual(['xray:PutTelemetryRecords', 'xray:PutTraceSegments']);
    }
    expect(tables['get-entity']).toEqual({
      hostfactory_templates: ['GetItem'],
      hostfactory_requests: ['GetItem'],
      hostfactory_machines: ['GetItem'],
    });
    expect(tables['get-openapi']).toEqual({});
  });

  test('with references off check no parents and look for no children', () => {
    const allowed = allowances(templateOf('as-little-as-possible', 'api'));
    const actionsOf = (operation: Operation) => [...(allowed.get(operation)?.values() ?? [])].flat();
    expect(actionsOf('create-entity')).toContain('dynamodb:PutItem');
    expect(actionsOf('create-entity')).not.toContain('dynamodb:ConditionCheckItem');
    expect(actionsOf('delete-entity')).not.toContain('dynamodb:Query');
  });

  test('on S3 that read may not write', () => {
    const allowed = allowances(templateOf('json', 'api'));
    const actionsOf = (operation: Operation) => [...(allowed.get(operation)?.values() ?? [])].flat();
    expect(actionsOf('get-entity')).not.toContain('s3:PutObject');
    expect(actionsOf('save-entity')).toContain('s3:PutObject');
    expect(actionsOf('get-openapi').some((action) => action.startsWith('s3:'))).toBe(false);
  });

  test('on PostgreSQL may connect as the one user, from inside of the VPC, and touch no network interface', () => {
    const template = templateOf('sql', 'api');
    const policies = JSON.stringify(ofType(template, 'AWS::IAM::Policy'));
    expect(policies).toContain('rds-db:connect');
    expect(policies).toContain('/hostfactory_user');
    const inVpc = ofType(template, 'AWS::Lambda::Function').filter(([, { VpcConfig }]) => VpcConfig !== undefined);
    const operations = new Set(routes.map(({ operation }) => operation));
    const inNeed = [...operations].filter((operation) => needsOf(operation, environment('sql').storage) !== undefined);
    expect(inVpc.map(([, properties]) => operationOf(properties)).toSorted()).toEqual(inNeed.toSorted());
    template.hasResourceProperties('AWS::IAM::Policy', {
      PolicyDocument: {
        Statement: Match.arrayWith([
          Match.objectLike({ Effect: 'Deny', Condition: { Null: { 'lambda:SourceFunctionArn': 'false' } } }),
        ]),
      },
    });
  });

  test('of jobs start and follow executions of one state machine, and reach its part of the bucket', () => {
    const allowed = allowances(templateOf('prod', 'api'));
    const of = (operation: Operation, part: string) =>
      [...(allowed.get(operation) ?? [])]
        .filter(([resource]) => resource.includes(part))
        .flatMap(([, actions]) => actions);
    for (const [operation, machine, prefix, actions] of [
      ['start-migration', 'hostfactory-migration', '/state/*', ['s3:GetObject', 's3:PutObject']],
      ['get-migration', 'hostfactory-migration', '/state/*', ['s3:GetObject']],
      ['list-migrations', 'hostfactory-migration', '/state/*', ['s3:GetObject']],
      ['start-backup', 'hostfactory-backup', '/backups/*', ['s3:GetObject']],
      ['list-backups', 'hostfactory-backup', '/backups/*', ['s3:GetObject']],
    ] as const) {
      expect([operation, of(operation, prefix)]).toEqual([operation, actions]);
      const starts = operation.startsWith('start') ? ['states:ListExecutions', 'states:StartExecution'] : [];
      expect([operation, of(operation, `:execution:${machine}:*`)]).toEqual([operation, ['states:DescribeExecution']]);
      expect([operation, of(operation, `:stateMachine:${machine}`)]).toEqual([operation, starts]);
    }
  });

  test('behind DAX reach the cluster, and no table', () => {
    const allowed = allowances(templateOf('dax', 'api'));
    const actionsOf = (operation: Operation) =>
      [...(allowed.get(operation)?.values() ?? [])].flat().filter((action) => /^(dax|dynamodb):/.test(action));
    expect(actionsOf('get-entity')).toEqual(['dax:GetItem']);
    expect(actionsOf('create-entity')).toEqual(['dax:ConditionCheckItem', 'dax:GetItem', 'dax:PutItem']);
  });

  test.each(shipped)(
    'of %s have no wildcard but for X-Ray, network interfaces, the objects of a prefix and executions',
    (name) => {
      for (const [operation, byResource] of allowances(templateOf(name, 'api'))) {
        const wild = [...byResource.keys()].filter((resource) => resource.includes('*'));
        for (const resource of wild)
          expect([operation, resource]).toEqual([
            operation,
            expect.stringMatching(/^"\*"$|\/(store|state|backups)\/\*|:execution:[a-z-]+:\*/),
          ]);
        const everywhere = byResource.get('"*"') ?? [];
        expect(
          everywhere.filter(
            (action) => !/^(xray:Put|ec2:\w+(Address|Interface|Subnet)s?|ec2:\w+PrivateIpAddresses)/.test(action),
          ),
        ).toEqual([]);
      }
    },
  );
});

describe('the stage', () => {
  test('throttles, traces, and logs calls without bodies', () => {
    const template = templateOf('prod', 'api');
    const [[, stage] = []] = ofType(template, 'AWS::ApiGateway::Stage');
    expect(stage).toMatchObject({
      StageName: 'v1',
      TracingEnabled: true,
      MethodSettings: [
        {
          ThrottlingRateLimit: 500,
          ThrottlingBurstLimit: 1000,
          DataTraceEnabled: false,
          LoggingLevel: 'ERROR',
          MetricsEnabled: true,
        },
      ],
    });
    expect(JSON.parse(stage.AccessLogSetting.Format)).toMatchObject({ caller: '$context.identity.userArn' });
    expect(stage.AccessLogSetting.Format).not.toMatch(/body|input/i);
  });

  test('is not traced where the configuration says so', () => {
    const template = templateOf('as-little-as-possible', 'api');
    template.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: false });
    template.resourcePropertiesCountIs('AWS::Lambda::Function', { TracingConfig: { Mode: 'Active' } }, 0);
    expect(JSON.stringify(ofType(template, 'AWS::IAM::Policy'))).not.toContain('xray:');
  });

  test('sets no role for the whole account where there is one already', () => {
    templateOf('as-little-as-possible', 'api').resourceCountIs('AWS::ApiGateway::Account', 0);
    templateOf('plain', 'api').resourceCountIs('AWS::ApiGateway::Account', 1);
  });
});

describe('who may call', () => {
  test('allowed_networks shuts out all others', () => {
    const [[, api] = []] = ofType(templateOf('prod', 'api'), 'AWS::ApiGateway::RestApi');
    expect(api.Policy.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Deny',
        Condition: { NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '198.51.100.0/24'] } },
      }),
    );
  });

  test('a private API is reached by its VPC endpoints only', () => {
    const template = templateOf('private', 'api');
    const [[, api] = []] = ofType(template, 'AWS::ApiGateway::RestApi');
    expect(api.EndpointConfiguration).toEqual({ Types: ['PRIVATE'], VpcEndpointIds: ['vpce-0123abcd'] });
    expect(
      api.Policy.Statement.map(({ Effect, Condition }: { Effect: string; Condition?: object }) => [Effect, Condition]),
    ).toEqual([
      ['Allow', undefined],
      ['Deny', { StringNotEquals: { 'aws:SourceVpce': ['vpce-0123abcd'] } }],
      ['Deny', { NotIpAddress: { 'aws:VpcSourceIp': ['10.0.0.0/8'] } }],
    ]);
  });

  test('with mutual TLS nobody goes round the domain', () => {
    const template = templateOf('mutual-tls', 'api');
    template.hasResourceProperties('AWS::ApiGateway::DomainName', {
      DomainName: 'api.example.com',
      RegionalCertificateArn: Match.stringLikeRegexp(':certificate/11111111-'),
      SecurityPolicy: 'TLS_1_2',
      MutualTlsAuthentication: { TruststoreUri: 's3://truststores/ca.pem', TruststoreVersion: 'v7' },
    });
    template.hasResourceProperties('AWS::ApiGateway::BasePathMapping', { BasePath: 'v1' });
    template.hasResourceProperties('AWS::ApiGateway::RestApi', { DisableExecuteApiEndpoint: true });
    expect(new Set(methodsOf(template).map(({ properties }) => properties.AuthorizationType))).toEqual(
      new Set(['NONE']),
    );
  });

  test('each caller of a usage plan has a key and limits, and every call needs a key', () => {
    const template = templateOf('prod', 'api');
    template.resourceCountIs('AWS::ApiGateway::ApiKey', 3);
    template.hasResourceProperties('AWS::ApiGateway::UsagePlan', {
      Description: 'Caller operators',
      Throttle: { RateLimit: 20, BurstLimit: 50 },
      Quota: { Limit: 50_000, Period: 'DAY' },
    });
    expect(methodsOf(template).every(({ properties }) => properties.ApiKeyRequired)).toBe(true);
    expect(methodsOf(templateOf('plain', 'api')).some(({ properties }) => properties.ApiKeyRequired)).toBe(false);
  });

  test('WAF stands before the API where it is wanted, and lets large bodies through', () => {
    const template = templateOf('prod', 'api');
    template.resourceCountIs('AWS::WAFv2::WebACLAssociation', 1);
    expect(JSON.stringify(ofType(template, 'AWS::WAFv2::WebACL'))).toContain(
      '{"ActionToUse":{"Count":{}},"Name":"SizeRestrictions_BODY"}',
    );
    templateOf('plain', 'api').resourceCountIs('AWS::WAFv2::WebACL', 0);
  });

  test("API Gateway's own answers are problems", () => {
    const responses = ofType(templateOf('dev', 'api'), 'AWS::ApiGateway::GatewayResponse');
    expect(responses.length).toBeGreaterThan(15);
    for (const [, { ResponseTemplates, StatusCode }] of responses) {
      const text = ResponseTemplates['application/json'].replace('$context.error.messageString', '"x"');
      const problem = JSON.parse(text);
      expect(problem).toMatchObject({ type: expect.stringMatching(/^urn:hostfactory:problem:[a-z_]+$/), detail: 'x' });
      expect(`${problem.status}`).toBe(StatusCode);
    }
  });
});
