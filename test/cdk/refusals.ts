/** Configurations that cannot be deployed. */
import { expect } from '@jest/globals';
import type { App } from 'aws-cdk-lib';
import { createApp } from '../../lib/cdk/app.ts';
import type { Config } from '../../lib/config/configuration.ts';
import { ConfigurationError } from '../../lib/repository/errors.ts';

/** Creates an app, which must be refused before anything is bundled. */
export const appOf = (config: Config): App =>
  createApp(config, {
    bundler: () => {
      throw new Error('The configuration was accepted: bundles were about to be made.');
    },
  });

/** The message of the ConfigurationError that is thrown. */
export function messageOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    expect(error).toBeInstanceOf(ConfigurationError);
    return (error as Error).message;
  }
  throw new Error('The configuration was accepted.');
}
