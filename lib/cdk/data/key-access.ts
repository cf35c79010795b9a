import { Aws } from 'aws-cdk-lib';
import { type IGrantable, PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { StoreNeeds } from '../functions/store-permissions.ts';

const READ = ['kms:Decrypt', 'kms:DescribeKey'];
const WRITE = [...READ, 'kms:Encrypt', 'kms:GenerateDataKey', 'kms:ReEncryptFrom', 'kms:ReEncryptTo'];

/** Services through which functions use keys. */
export type KeyService = 'dynamodb' | 's3' | 'secretsmanager';

/** Allows the use of a key only through one AWS service: the functions themselves encrypt nothing. */
export function allowKey(
  grantee: IGrantable,
  key: IKey | undefined,
  service: KeyService,
  access: StoreNeeds['access'],
): void {
  if (key === undefined) return;
  const statement = new PolicyStatement({
    actions: access === 'write' ? WRITE : READ,
    resources: [key.keyArn],
    conditions: { StringEquals: { 'kms:ViaService': `${service}.${Aws.REGION}.amazonaws.com` } },
  });
  grantee.grantPrincipal.addToPrincipalPolicy(statement);
}
