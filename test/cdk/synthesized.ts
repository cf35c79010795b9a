/** Environments as CDK synthesizes them, without the bundles: those have tests of their own. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import type { App } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { createApp } from '../../lib/cdk/app.ts';
import { readEnvironment } from '../../lib/cdk/environment/environment-file.ts';
import { standIns } from '../../lib/cdk/environment/placeholders.ts';
import type { Bundler } from '../../lib/cdk/functions/bundle.ts';
import type { Config, ConfigInput } from '../../lib/config/configuration.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';

export const CONFIG_FOLDER = join(import.meta.dirname, '..', '..', 'config');
export const shipped = ['dax', 'dev', 'json', 'prod', 'sql'] as const;

/** Makes folders without code, whose hashes stay the same. */
export const noBundles: Bundler = ({ functions, outdir }) => {
  for (const { name } of functions) {
    mkdirSync(join(outdir, name), { recursive: true });
    writeFileSync(join(outdir, name, 'index.mjs'), '// No code.\n');
  }
};

const known = new Map<string, Config>();

/** The configuration of a shipped environment; the same object each time. */
export function environment(name: string): Config {
  const config = known.get(name) ?? readEnvironment(CONFIG_FOLDER, name);
  known.set(name, config);
  return config;
}

/** A configuration as `readEnvironment` would give it. */
export const configured = (config: unknown): Config => parseConfig(config as ConfigInput, { ...standIns });

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that is there until the tests of this file have ended. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hfstorage-cdk-'));
  folders.push(folder);
  return folder;
}

export const appOf = (config: Config): App => createApp(config, { outdir: newFolder(), bundler: noBundles });

type Part = 'data' | 'api' | 'migration' | 'backup' | 'monitoring';

const apps = new WeakMap<Config, App>();

/** One stack of a configuration. */
export function templateOf(config: Config, part: Part): Template {
  const app = apps.get(config) ?? appOf(config);
  apps.set(config, app);
  const name = `${config.deployment?.name ?? 'hostfactory'}-${part}`;
  return Template.fromStack(app.node.findChild(name) as Parameters<typeof Template.fromStack>[0]);
}

/** Folder with the templates of a configuration. @throws where a rule of cdk-nag is broken */
export function synthesized(config: Config): string {
  return appOf(config).synth().directory;
}

export const templateFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.template.json'))
    .map((name) => join(folder, name));

/** The templates of a folder, by the names of the stacks. */
export const templatesIn = (folder: string): Record<string, unknown> =>
  Object.fromEntries(
    templateFiles(folder).map((file) => [
      (file.split('/').at(-1) as string).replace('.template.json', ''),
      JSON.parse(readFileSync(file, 'utf8')),
    ]),
  );

/** What cfn-lint says about templates; nothing where they are clean. */
export function lint(files: readonly string[]): string {
  try {
    // W3005: CDK writes dependencies that a reference implies, too.
    return execFileSync('cfn-lint', ['-t', ...files, '-i', 'W3005'], { encoding: 'utf8' });
  } catch (error) {
    const { code, stdout } = error as NodeJS.ErrnoException & { stdout?: string };
    if (code === 'ENOENT') throw new Error('The tests need cfn-lint: pip install cfn-lint');
    return stdout ?? String(error);
  }
}
