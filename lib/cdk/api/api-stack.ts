import { CfnOutput, RemovalPolicy, Stack, type StackProps } from 'aws-cdk-lib';
import {
  AccessLogFormat,
  ApiKeySourceType,
  AuthorizationType,
  EndpointType,
  LogGroupLogDestination,
  MethodLoggingLevel,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { InterfaceVpcEndpoint } from 'aws-cdk-lib/aws-ec2';
import { ManagedPolicy, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { Construct } from 'constructs';
import type { ApiConfig } from '../../config/api.ts';
import type { Config } from '../../config/configuration.ts';
import type { DeploymentConfig } from '../../config/deployment.ts';
import type { DataStack } from '../data/data-stack.ts';
import { acknowledgeWildcard, explain } from '../nag-reasons.ts';
import { ApiFunctions } from './api-functions.ts';
import { addResources, STAGE } from './api-resources.ts';
import { addCustomDomain } from './custom-domain.ts';
import { addGatewayResponses } from './gateway-responses.ts';
import { resourcePolicy } from './resource-policy.ts';
import { addUsagePlans } from './usage-plans.ts';
import { addWebAcl } from './web-acl.ts';

export interface ApiStackProps extends StackProps {
  readonly storage: Config['storage'];
  readonly deployment: DeploymentConfig;
  readonly api: ApiConfig;
  readonly data: DataStack;
  /** Folder with the bundles of the functions. */
  readonly bundles: string;
}

/** The HTTP API: a REST API of API Gateway, and one function per operation. */
export class ApiStack extends Stack {
  readonly restApi: RestApi;
  readonly functions: ApiFunctions;

  constructor(scope: Construct, id: string, { storage, deployment, api, data, bundles, ...props }: ApiStackProps) {
    super(scope, id, props);
    this.functions = new ApiFunctions(this, 'Functions', { storage, deployment, api, data, bundles });
    this.restApi = this.#restApi(deployment, api);
    addGatewayResponses(this.restApi);
    addResources(this.restApi, this.functions, {
      authorizationType: api.authorization === 'iam' ? AuthorizationType.IAM : AuthorizationType.NONE,
      apiKeyRequired: api.usage_plans.length > 0,
    });
    addUsagePlans(this.restApi, api.usage_plans);
    if (api.waf) addWebAcl(this.restApi);
    if (api.custom_domain !== undefined) addCustomDomain(this.restApi, api.custom_domain);
    this.#callers(deployment);
    this.#explain(api);
    new CfnOutput(this, 'Url', { value: this.restApi.url.replace(/\/$/, ''), description: 'Base URL of the API.' });
  }

  #restApi({ name, log_retention_days }: DeploymentConfig, api: ApiConfig): RestApi {
    const accessLog = new LogGroup(this, 'AccessLog', {
      retention: log_retention_days,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    const policy = resourcePolicy(api);
    return new RestApi(this, 'Api', {
      restApiName: name,
      description: 'Host Factory storage service',
      endpointConfiguration: {
        types: [api.endpoint === 'private' ? EndpointType.PRIVATE : EndpointType.REGIONAL],
        ...(api.endpoint === 'private' && {
          vpcEndpoints: api.vpc_endpoint_ids.map((vpcEndpointId, i) =>
            InterfaceVpcEndpoint.fromInterfaceVpcEndpointAttributes(this, `Endpoint${i}`, { vpcEndpointId, port: 443 }),
          ),
        }),
      },
      ...(policy !== undefined && { policy }),
      // Otherwise callers without a certificate could bypass the domain.
      disableExecuteApiEndpoint: api.custom_domain?.truststore !== undefined,
      apiKeySourceType: ApiKeySourceType.HEADER,
      cloudWatchRole: api.account_log_role,
      deployOptions: {
        stageName: STAGE,
        throttlingRateLimit: api.throttling.rate,
        throttlingBurstLimit: api.throttling.burst,
        tracingEnabled: api.tracing,
        metricsEnabled: true,
        // Without bodies: neither stored data nor request data.
        loggingLevel: MethodLoggingLevel.ERROR,
        dataTraceEnabled: false,
        accessLogDestination: new LogGroupLogDestination(accessLog),
        accessLogFormat: AccessLogFormat.custom(JSON.stringify(ACCESS_LOG)),
      },
    });
  }

  /** A policy for the roles of callers. */
  #callers({ name }: DeploymentConfig): void {
    const resource = this.restApi.arnForExecuteApi('*', '/*', STAGE);
    const policy = new ManagedPolicy(this, 'Callers', {
      description: `May call the API ${name}`,
      statements: [new PolicyStatement({ actions: ['execute-api:Invoke'], resources: [resource] })],
    });
    acknowledgeWildcard(
      policy,
      resource,
      'Whoever may call the API may call all of its operations; narrower policies can replace this one.',
    );
    new CfnOutput(this, 'CallersPolicy', {
      value: policy.managedPolicyArn,
      description: 'Policy to attach to the roles of callers.',
    });
  }

  #explain({ authorization, waf, account_log_role }: ApiConfig): void {
    const role = 'Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs';
    const reasons: Record<string, string> = {
      APIG2: 'The functions validate every request, and answer with problems that name the errors.',
      COG4: 'Callers are programs with roles, which sign with SigV4: there are no users for a user pool.',
    };
    if (account_log_role)
      reasons[`IAM4[${role}]`] = "AWS's own policy for the role with which API Gateway writes logs.";
    if (!waf)
      reasons.APIG3 = 'api.waf is false in the configuration of this environment: calls are signed by known roles.';
    if (authorization === 'none') {
      reasons.APIG4 =
        'api.authorization is none, which the configuration allows only with mutual TLS or a private endpoint.';
    }
    for (const [rule, reason] of Object.entries(reasons)) explain(this.restApi, rule, reason);
  }
}

/** The fields of an access log entry. */
const ACCESS_LOG = {
  request_id: '$context.requestId',
  time: '$context.requestTime',
  ip: '$context.identity.sourceIp',
  caller: '$context.identity.userArn',
  api_key_id: '$context.identity.apiKeyId',
  client_certificate: '$context.identity.clientCert.subjectDN',
  method: '$context.httpMethod',
  path: '$context.path',
  resource: '$context.resourcePath',
  status: '$context.status',
  response_bytes: '$context.responseLength',
  latency_ms: '$context.responseLatency',
  integration_ms: '$context.integrationLatency',
  error: '$context.error.responseType',
};
