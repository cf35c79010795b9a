import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Tags, Validations } from 'aws-cdk-lib';
import { CfnDashboard } from 'aws-cdk-lib/aws-cloudwatch';
import { CfnDBProxyTargetGroup } from 'aws-cdk-lib/aws-rds';
import { AwsSolutionsChecks } from 'cdk-nag';
import { api as apiSection } from '../config/api.ts';
import type { Config } from '../config/configuration.ts';
import { deployment as deploymentSection } from '../config/deployment.ts';
import { apiSources } from './api-functions.ts';
import { ApiStack } from './api-stack.ts';
import { addFiles, type Bundler, bundle, unusedModules } from './bundle.ts';
import { checkDeployment } from './check-deployment.ts';
import { DataStack } from './data-stack.ts';
import { MonitoringStack } from './monitoring-stack.ts';
import { CERTIFICATES_FILE, CONFIG_FILE, deployedConfig } from './placeholders.ts';

export interface CreateAppOptions {
  /** Where the templates are written; CDK's own choice where left out. */
  readonly outdir?: string;
  readonly bundler?: Bundler;
}

const recommendedFlags = createRequire(import.meta.url)('aws-cdk-lib/recommended-feature-flags.json') as object;

const flags = {
  // CDK's newest behaviour, whether the CLI or a test makes the app.
  ...recommendedFlags,
  // By exports: CloudFormation then refuses to take away what another stack uses.
  '@aws-cdk/core:defaultCrossStackReferences': 'strong',
};

/**
 * The CDK app of a configuration, as `readEnvironment` gives it.
 * @throws ConfigurationError where it cannot be deployed, before anything is made
 */
export function createApp(config: Config, { outdir, bundler = bundle }: CreateAppOptions = {}): App {
  const deployment = config.deployment ?? deploymentSection.parse({});
  const api = config.api ?? apiSection.parse({});
  checkDeployment(config, deployment);
  const app = new App({
    ...(outdir !== undefined && { outdir }),
    context: flags,
    analyticsReporting: false,
  });
  Validations.of(app).addPlugins(new AwsSolutionsChecks(app));
  const bundles = mkdtempSync(join(tmpdir(), 'hfs-bundles-'));
  try {
    makeBundles(config, bundles, bundler);
    const { name, region, account, tags } = deployment;
    const common = {
      storage: config.storage,
      deployment,
      env: { ...(region !== undefined && { region }), ...(account !== undefined && { account }) },
    };
    const data = new DataStack(app, `${name}-data`, { ...common, description: 'Host Factory storage: data' });
    const apiStack = new ApiStack(app, `${name}-api`, {
      ...common,
      api,
      store: data.store,
      bundles,
      description: 'Host Factory storage: HTTP API',
    });
    apiStack.addStackDependency(data);
    new MonitoringStack(app, `${name}-monitoring`, {
      ...common,
      data,
      description: 'Host Factory storage: dashboard and alarms',
    });
    // Not every region's CloudFormation knows tags of these.
    const excludeResourceTypes = [CfnDBProxyTargetGroup, CfnDashboard].map((type) => type.CFN_RESOURCE_TYPE_NAME);
    for (const [key, value] of Object.entries(tags)) Tags.of(app).add(key, value, { excludeResourceTypes });
    return app;
  } finally {
    // The constructs have copied what they need.
    rmSync(bundles, { recursive: true, force: true });
  }
}

function makeBundles(config: Config, outdir: string, bundler: Bundler): void {
  const request = { functions: apiSources, external: unusedModules(config), outdir };
  bundler(request);
  addFiles(request, { [CONFIG_FILE]: deployedConfig(config) });
  const { strategy, sql_strategy } = config.storage;
  if (strategy !== 'sql' || sql_strategy.sslrootcert === undefined) return;
  for (const { name } of apiSources) copyFileSync(sql_strategy.sslrootcert, join(outdir, name, CERTIFICATES_FILE));
}
