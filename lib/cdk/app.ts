import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, type Stack, Tags, Validations } from 'aws-cdk-lib';
import { CfnDashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnDBProxyTargetGroup } from 'aws-cdk-lib/aws-rds';
import { AwsSolutionsChecks } from 'cdk-nag';
import { api as apiSection } from '../config/api.ts';
import type { Config } from '../config/configuration.ts';
import { deployment as deploymentSection } from '../config/deployment.ts';
import { ApiStack } from './api/api-stack.ts';
import { DataStack } from './data/data-stack.ts';
import { checkDeployment } from './environment/check-deployment.ts';
import { readPeer } from './environment/peer-file.ts';
import { type Bundler, bundle } from './functions/bundle.ts';
import { makeBundles } from './functions/function-bundles.ts';
import { BackupStack } from './jobs/backup-stack.ts';
import { MigrationStack } from './jobs/migration-stack.ts';
import { jobAlarms, jobsSection } from './monitoring/job-monitoring.ts';
import { MonitoringStack } from './monitoring/monitoring-stack.ts';

export interface CreateAppOptions {
  /** Folder for the templates; CDK's own choice if left out. */
  readonly outdir?: string;
  readonly bundler?: Bundler;
}

const recommendedFlags = createRequire(import.meta.url)('aws-cdk-lib/recommended-feature-flags.json') as object;

const flags = {
  // CDK's newest behaviour, whether the CLI or a test creates the app.
  ...recommendedFlags,
  // With exports, CloudFormation refuses to remove what another stack uses.
  '@aws-cdk/core:defaultCrossStackReferences': 'strong',
};

/**
 * The CDK app for a configuration from `readEnvironment`.
 * @throws ConfigurationError if it cannot be deployed, before any construct is created
 */
export function createApp(config: Config, { outdir, bundler = bundle }: CreateAppOptions = {}): App {
  const deployment = config.deployment ?? deploymentSection.parse({});
  const api = config.api ?? apiSection.parse({});
  const peer = readPeer(config, deployment);
  checkDeployment(config, deployment, peer);
  const app = new App({
    ...(outdir !== undefined && { outdir }),
    context: flags,
    analyticsReporting: false,
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const bundles = mkdtempSync(join(tmpdir(), 'hfstorage-bundles-'));
  try {
    makeBundles(config, peer, bundles, bundler);
    const { name, region, account, tags } = deployment;
    const common = {
      storage: config.storage,
      deployment,
      env: { ...(region !== undefined && { region }), ...(account !== undefined && { account }) },
    };
    const data = new DataStack(app, `${name}-data`, { ...common, description: 'Host Factory storage: data' });
    new ApiStack(app, `${name}-api`, { ...common, api, data, bundles, description: 'Host Factory storage: HTTP API' });
    const monitoring = new MonitoringStack(app, `${name}-monitoring`, {
      ...common,
      data,
      sections: [jobsSection(name)],
      alarms: jobAlarms(name, deployment.backup),
      description: 'Host Factory storage: dashboard and alarms',
    });
    const jobs = { ...common, config, data, peer, topic: monitoring.topic, tracing: api.tracing, bundles };
    new MigrationStack(app, `${name}-migration`, { ...jobs, description: 'Host Factory storage: migrations' });
    new BackupStack(app, `${name}-backup`, { ...jobs, description: 'Host Factory storage: backups' });
    for (const stack of app.node.children) if (stack !== data) (stack as Stack).addStackDependency(data);
    // Not every region's CloudFormation supports tags on these.
    const excludeResourceTypes = [CfnDBProxyTargetGroup, CfnDashboard].map((type) => type.CFN_RESOURCE_TYPE_NAME);
    for (const [key, value] of Object.entries(tags)) Tags.of(app).add(key, value, { excludeResourceTypes });
    return app;
  } finally {
    // The constructs have copied what they need.
    rmSync(bundles, { recursive: true, force: true });
  }
}
