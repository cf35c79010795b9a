import { Duration, RemovalPolicy, TimeZone } from 'aws-cdk-lib';
import { BackupPlan, BackupPlanRule, BackupResource, BackupVault, type CfnBackupVault } from 'aws-cdk-lib/aws-backup';
import { Schedule } from 'aws-cdk-lib/aws-events';
import { ManagedPolicy, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { DeploymentConfig } from '../../config/deployment.ts';
import { collectionNames } from '../../model/collections.ts';
import type { DataStack } from '../data/data-stack.ts';
import { pinned } from '../data/logical-ids.ts';
import { explain } from '../nag-reasons.ts';

export interface NativeBackupsProps {
  readonly deployment: DeploymentConfig;
  readonly native: NonNullable<DeploymentConfig['backup']['native']>;
  readonly data: DataStack;
}

const MANAGED_POLICIES = ['AWSBackupServiceRolePolicyForBackup', 'AWSBackupServiceRolePolicyForRestores'];

/** Backups of the tables or of the database by AWS Backup, in a vault that stays. They are restored by AWS Backup, too. */
export class NativeBackups extends Construct {
  constructor(scope: Construct, id: string, { deployment, native, data }: NativeBackupsProps) {
    super(scope, id);
    const retention = Duration.days(native.retention_days);
    const vault = new BackupVault(this, 'Vault', {
      ...(data.key !== undefined && { encryptionKey: data.key }),
      removalPolicy: RemovalPolicy.RETAIN,
      ...(native.lock && { lockConfiguration: { minRetention: retention } }),
    });
    pinned(vault.node.defaultChild as CfnBackupVault, 'BackupVault');
    const plan = new BackupPlan(this, 'Plan', {
      backupVault: vault,
      backupPlanRules: [
        new BackupPlanRule({
          ruleName: `${deployment.name}-native`,
          scheduleExpression: Schedule.expression(native.schedule),
          scheduleExpressionTimezone: TimeZone.of(deployment.backup.timezone),
          deleteAfter: retention,
        }),
      ],
    });
    plan.addSelection('Data', {
      role: this.#role(),
      disableDefaultBackupPolicy: true,
      resources: resourcesOf(data).map((arn) => BackupResource.fromArn(arn)),
    });
  }

  #role(): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('backup.amazonaws.com'),
      managedPolicies: MANAGED_POLICIES.map((name) => ManagedPolicy.fromAwsManagedPolicyName(`service-role/${name}`)),
    });
    for (const name of MANAGED_POLICIES) {
      explain(
        role,
        `IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/${name}]`,
        "AWS's own policy for the role by which AWS Backup reads and restores what is backed up.",
      );
    }
    return role;
  }
}

function resourcesOf({ tables, database }: DataStack): string[] {
  if (database !== undefined) return [database.instance.instanceArn];
  // checkDeployment has seen to it that there is one of both.
  return collectionNames.map((collection) => tables?.tableArn(collection) as string);
}
