/** Access to the deployed API: its stage, and who may call it. */
import { describe, expect, test } from '@jest/globals';
import { Match } from 'aws-cdk-lib/assertions';
import { templatesOf } from '../synthesized.ts';
import { methodsOf, ofType } from './api-template.ts';

const templateOf = await templatesOf('dev', 'prod', 'plain', 'private', 'mutual-tls', 'as-little-as-possible');

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

  test('is not traced if the configuration says so', () => {
    const template = templateOf('as-little-as-possible', 'api');
    template.hasResourceProperties('AWS::ApiGateway::Stage', { TracingEnabled: false });
    template.resourcePropertiesCountIs('AWS::Lambda::Function', { TracingConfig: { Mode: 'Active' } }, 0);
    expect(JSON.stringify(ofType(template, 'AWS::IAM::Policy'))).not.toContain('xray:');
  });

  test('does not create the account-wide role if it already exists', () => {
    templateOf('as-little-as-possible', 'api').resourceCountIs('AWS::ApiGateway::Account', 0);
    templateOf('plain', 'api').resourceCountIs('AWS::ApiGateway::Account', 1);
  });
});

describe('who may call', () => {
  test('allowed_networks excludes all others', () => {
    const [[, api] = []] = ofType(templateOf('prod', 'api'), 'AWS::ApiGateway::RestApi');
    expect(api.Policy.Statement).toContainEqual(
      expect.objectContaining({
        Effect: 'Deny',
        Condition: { NotIpAddress: { 'aws:SourceIp': ['192.0.2.0/24', '198.51.100.0/24'] } },
      }),
    );
  });

  test('a private API is reachable only through its VPC endpoints', () => {
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

  test('with mutual TLS the domain cannot be bypassed', () => {
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

  test('WAF protects the API if configured, and accepts large bodies', () => {
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
