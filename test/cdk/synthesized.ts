/** The templates that CDK synthesizes for configurations. */
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from '@jest/globals';
import { Template } from 'aws-cdk-lib/assertions';
import { readEnvironment } from '../../lib/cdk/environment/environment-file.ts';
import type { Config } from '../../lib/config/configuration.ts';
import { assemblyFolder, type Synthesized } from './assembly-folder.ts';
import { CONFIG_FOLDER } from './variants.ts';

/** The stacks of each configuration. */
export const parts = ['data', 'api', 'migration', 'backup', 'monitoring'] as const;

type Part = (typeof parts)[number];

const known = new Map<string, Config>();

/** The configuration of a shipped environment; the same object each time. */
export function environment(name: string): Config {
  const config = known.get(name) ?? readEnvironment(CONFIG_FOLDER, name);
  known.set(name, config);
  return config;
}

const folders: string[] = [];
afterAll(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

/** A folder that exists until the tests of this file have ended. */
export function newFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'hfstorage-cdk-'));
  folders.push(folder);
  return folder;
}

export const templateFiles = (folder: string): string[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.template.json'))
    .map((name) => join(folder, name));

/**
 * Returns the stacks of configurations once they are synthesized. Await it in the file, not in a test: its duration says
 * nothing about a test.
 */
export async function templatesOf<Name extends Synthesized>(
  ...names: readonly Name[]
): Promise<(name: Name, part: Part) => Template> {
  const files = new Map<Name, string[]>();
  // Requested together, so that one test file does not wait for another in between.
  await Promise.all(names.map(async (name) => files.set(name, templateFiles(await assemblyFolder(name)))));
  const templates = new Map<string, Template>();
  return (name, part) => {
    const file = files.get(name)?.find((each) => each.endsWith(`-${part}.template.json`)) as string;
    const template = templates.get(file) ?? Template.fromJSON(JSON.parse(readFileSync(file, 'utf8')));
    templates.set(file, template);
    return template;
  };
}
