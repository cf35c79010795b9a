/**
 * Synthesizes configurations for a test run: `synthesizer.ts FOLDER`. One process handles all of them: the first
 * validation in a process costs ten times as much as each that follows, and Jest's modules cost more still.
 *
 * A test requests one by creating `FOLDER/NAME.wanted` and waits for `FOLDER/NAME`, or `FOLDER/NAME.failed`. This process ends, and the
 * folder with it, when its standard input closes: when its parent ends, for any reason.
 */
import { mkdirSync, readdirSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { App } from 'aws-cdk-lib';
import { readEnvironment } from '../../lib/cdk/environment/environment-file.ts';
import type { Bundler } from '../../lib/cdk/functions/bundle.ts';
import type { Config } from '../../lib/config/configuration.ts';
import { isAlive, PROCESS_FILE, RULES_FILE, type Rules, type Synthesized } from './assembly-folder.ts';
import { CONFIG_FOLDER, type Variant, variants } from './variants.ts';

const folder = process.argv[2] as string;
const POLL_MS = 100;

/** Creates folders without code, whose hashes stay the same. */
const noBundles: Bundler = ({ functions, outdir }) => {
  for (const { name } of functions) {
    mkdirSync(join(outdir, name), { recursive: true });
    writeFileSync(join(outdir, name, 'index.mjs'), '// No code.\n');
  }
};

/** @returns false if another process has already created the folder; then that one does the work */
function takeFolder(): boolean {
  const own = `${folder}.${process.pid}`;
  mkdirSync(own);
  writeFileSync(join(own, PROCESS_FILE), `${process.pid}`);
  try {
    if (!isAlive(folder)) rmSync(folder, { recursive: true, force: true });
    renameSync(own, folder);
    return true;
  } catch (error) {
    rmSync(own, { recursive: true });
    if (isAlive(folder)) return false;
    throw error;
  }
}

function leave(): never {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.exit();
}

/** The requests, oldest first. */
const asked = (): Synthesized[] =>
  readdirSync(folder)
    .filter((file) => file.endsWith('.wanted'))
    .map((file) => ({ file, at: statSync(join(folder, file)).mtimeMs }))
    .toSorted((a, b) => a.at - b.at)
    .map(({ file }) => file.slice(0, -'.wanted'.length) as Synthesized);

/** The rules of cdk-nag that the app breaks, ignoring reasons, and the given reasons. */
async function rulesOf(app: App): Promise<Rules> {
  const [{ Validations }, { AwsSolutionsChecks }] = await Promise.all([import('aws-cdk-lib'), import('cdk-nag')]);
  // The app's own checks: an app without them must not pass as clean.
  const plugins = Reflect.get(app, '_validationPlugins') as readonly unknown[];
  const checks = plugins.find((plugin) => plugin instanceof AwsSolutionsChecks);
  if (checks === undefined) throw new Error('The app does not check itself against the rules of AwsSolutions.');
  Object.defineProperty(checks, 'isAcknowledged', { value: () => false });
  // CDK itself acknowledges rules of other rule sets.
  const reasons = app.node
    .findAll()
    .flatMap(({ node }) => node.metadata)
    .filter(({ type }) => type === Validations.ACKNOWLEDGED_RULES_METADATA_KEY)
    .flatMap(({ data }) => Object.entries(data as Readonly<Record<string, string>>))
    .map(([id, reason]) => [id.replace('Annotation::', ''), reason] as const)
    .filter(([id]) => id.startsWith('AwsSolutions-'));
  return {
    broken: checks.validateScope(app).violations.map(({ ruleName }) => ruleName),
    reasons: Object.fromEntries(reasons),
  };
}

async function synthesize(name: Synthesized): Promise<void> {
  const { createApp } = await import('../../lib/cdk/app.ts');
  const outdir = join(folder, `${name}.new`);
  mkdirSync(outdir);
  const variant = variants[name as Variant] as ((folder: string) => Config) | undefined;
  const app =
    variant === undefined
      ? createApp(readEnvironment(CONFIG_FOLDER, name), { outdir })
      : createApp(variant(outdir), { outdir, bundler: noBundles });
  app.synth();
  writeFileSync(join(outdir, RULES_FILE), JSON.stringify(await rulesOf(app)));
  // Atomic: waiting tests check for the folder.
  renameSync(outdir, join(folder, name));
}

if (takeFolder()) {
  process.stdin.on('close', leave).resume();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave);
  const finished = new Set<string>();
  for (;;) {
    const [wanted] = asked().filter((name) => !finished.has(name));
    if (wanted === undefined) {
      await sleep(POLL_MS);
      continue;
    }
    finished.add(wanted);
    await synthesize(wanted).catch((error: Error) => {
      writeFileSync(join(folder, `${wanted}.failed`), error.stack ?? error.message);
    });
    // Lets the event loop handle the end of standard input.
    await sleep(1);
  }
}
