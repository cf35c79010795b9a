import { join } from 'node:path';
import { App } from 'aws-cdk-lib';
import { createApp } from '../lib/cdk/app.ts';
import { readEnvironment } from '../lib/cdk/environment/environment-file.ts';
import { packageRoot } from '../lib/config/package-root.ts';
import { ConfigurationError } from '../lib/repository/errors.ts';

try {
  // This App only reads `-c env=…`: the one that is deployed is created once that is known.
  const env: unknown = new App({ autoSynth: false }).node.tryGetContext('env');
  createApp(readEnvironment(join(packageRoot() ?? '.', 'config'), env)).synth();
} catch (error) {
  if (!(error instanceof ConfigurationError)) throw error;
  console.error(error.message);
  process.exitCode = 1;
}
