import { CfnOutput } from 'aws-cdk-lib';
import { DomainName, EndpointType, type RestApi, SecurityPolicy } from 'aws-cdk-lib/aws-apigateway';
import { Certificate } from 'aws-cdk-lib/aws-certificatemanager';
import { Bucket } from 'aws-cdk-lib/aws-s3';
import type { ApiConfig } from '../../config/api.ts';
import { STAGE } from './api-resources.ts';

/** Serves the API under the customer's own host name, with mutual TLS if there is a truststore. */
export function addCustomDomain(restApi: RestApi, config: NonNullable<ApiConfig['custom_domain']>): void {
  const { name, certificate_arn, truststore, truststore_version } = config;
  const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(truststore ?? '') ?? [];
  const domain = new DomainName(restApi, 'Domain', {
    domainName: name,
    certificate: Certificate.fromCertificateArn(restApi, 'Certificate', certificate_arn),
    endpointType: EndpointType.REGIONAL,
    securityPolicy: SecurityPolicy.TLS_1_2,
    ...(truststore !== undefined && {
      mtls: {
        bucket: Bucket.fromBucketName(restApi, 'Truststore', bucket),
        key,
        ...(truststore_version !== undefined && { version: truststore_version }),
      },
    }),
  });
  // The same paths as without the domain.
  domain.addBasePathMapping(restApi, { basePath: STAGE, stage: restApi.deploymentStage });
  new CfnOutput(restApi, 'DomainTarget', {
    value: domain.domainNameAliasDomainName,
    description: `Point the DNS record of ${name} here (CNAME or alias).`,
  });
}
