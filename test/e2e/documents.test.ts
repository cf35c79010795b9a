/** Checks that the documents mention everything they must, so that they stay up to date with the program. */
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { createProgram } from '../../lib/cli/program.ts';
import type { Session } from '../../lib/cli/session.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';
import { collectionNames, fieldsOf } from '../../lib/model/collections.ts';
import * as errors from '../../lib/repository/errors.ts';
import { problemTypes } from '../../lib/service/http/problem-types.ts';
import { routes } from '../../lib/service/http/routes.ts';
import { root } from './session-runner.ts';

const read = (...names: string[]): Promise<string> => readFile(join(root, ...names), 'utf8');

async function filesUnder(folder: string, ending: string): Promise<string[]> {
  const names = await readdir(join(root, folder), { recursive: true });
  return names.filter((name) => name.endsWith(ending)).map((name) => join(folder, name));
}

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
}
const keysOf = ({ properties = {} }: Schema, parent = ''): string[] =>
  Object.entries(properties).flatMap(([name, schema]) => [`${parent}${name}`, ...keysOf(schema, `${parent}${name}.`)]);

describe('the configuration', () => {
  test('has every key of the schema, and no other', async () => {
    const schema = JSON.parse(await read('config', 'schema.json')) as Schema;
    const rows = (await read('docs', 'configuration.md')).matchAll(
      /^\| `(\$schema|(?:storage|migration|backup|api|deployment)[\w.]*)` \|/gm,
    );
    expect([...rows].map(([, key]) => key).toSorted()).toEqual(keysOf(schema).toSorted());
  });

  test('has valid examples', async () => {
    const blocks = [...(await read('docs', 'configuration.md')).matchAll(/^```json\n(.*?)^```/gms)];
    expect(blocks.length).toBeGreaterThan(2);
    const env = { HFSTORAGE_BUCKET: 'a-bucket', DB_PASSWORD: 'a-password' };
    for (const [, json = ''] of blocks) parseConfig(JSON.parse(json), env);
  });
});

describe('the runbook', () => {
  const headings = async () =>
    [...(await read('docs', 'runbook.md')).matchAll(/^### `(.+)`$/gm)].map(([, name]) => name);

  test('has every error code, and no other', async () => {
    // A class with its code in an instance field; the source is read, since the constructors differ.
    const declared = [
      ...(await read('lib', 'repository', 'errors.ts')).matchAll(/readonly code(?:: string)? = '(\w+)'/g),
    ];
    const codes = new Set([...declared.map(([, code]) => code as string), ...Object.keys(problemTypes)]);
    expect(declared.length).toBe(Object.keys(errors).length - 1);
    const found = (await headings()).filter((name) => /^\w+$/.test(name as string));
    expect(found.toSorted()).toEqual([...codes].toSorted());
  });

  test('has every warning, in the words of the program', async () => {
    const warnings = (await headings()).filter((name) => !/^\w+$/.test(name as string)) as string[];
    const files = await filesUnder(join('lib', 'strategies'), '.ts');
    const sources = (await Promise.all(files.map((file) => read(file)))).join('\n');
    for (const warning of warnings) expect(sources).toContain(warning);
    // One per call, minus the emitWarning that forwards them all.
    const calls = [...sources.matchAll(/this\.#warn\(|process\.emitWarning\(/g)].length - 1;
    expect(warnings).toHaveLength(calls);
  });

  test('says of each what happened, what to look at and what to do', async () => {
    const sections = (await read('docs', 'runbook.md')).split(/^##+ /m).filter((section) => section.startsWith('`'));
    for (const section of sections) {
      for (const part of ['What happened', 'What to look at', 'What to do']) expect(section).toContain(`**${part}.**`);
    }
  });
});

test('the HTTP API has every call and every problem', async () => {
  const text = await read('docs', 'http-api.md');
  for (const { method, path } of routes) expect(text).toContain(`\`${method} ${path}`);
  for (const [code, { status }] of Object.entries(problemTypes)) expect(text).toContain(`| ${status} | \`${code}\` |`);
});

test('the data model has every field', async () => {
  const text = await read('docs', 'data-model.md');
  for (const collection of collectionNames) {
    for (const field of fieldsOf(collection).keys()) expect(text).toContain(`| \`${field}\` |`);
  }
});

test('the command line has every command', async () => {
  const text = await read('docs', 'command-line.md');
  const session = { output: {} } as Session;
  const commands = createProgram(session, process).commands.map((command) => command.name());
  expect(commands).toContain('serve');
  for (const command of commands) expect(text).toContain(`### \`hfstorage ${command}`);
});

describe('the architecture', () => {
  test('names only files and folders that exist', async () => {
    const text = await read('docs', 'architecture.md');
    const named = [...text.matchAll(/`((?:lib|lambdas|test|bench|docs|\.ci)\/[^`*<>]*?)\/?`/g)].map(([, path]) => path);
    // A table of a folder names its files without the folder.
    const tables = text.matchAll(/^\| (?:file )?in `([^`]+)` \| does \|\n\|---\|---\|\n((?:\|.*\n)+)/gm);
    const inTables = [...tables].flatMap(([, folder, rows = '']) =>
      [...rows.matchAll(/^\| (.*?) \|/gm)].flatMap(([, cell = '']) =>
        [...cell.matchAll(/`([^`]+)`/g)].map(([, name]) => `${folder}/${name}`),
      ),
    );
    expect(inTables.length).toBeGreaterThan(50);
    expect([...named, ...inTables].filter((path) => !existsSync(join(root, path as string)))).toEqual([]);
  });
});

test('links between documents point to files and headings', async () => {
  const documents = ['README.md', 'CONTRIBUTING.md', 'CHANGELOG.md', 'examples/README.md'];
  const all = [...documents, ...(await filesUnder('docs', '.md'))];
  const anchorsOf = (text: string) =>
    [...text.matchAll(/^#+ (.*)$/gm)].map(([, heading = '']) =>
      heading
        .toLowerCase()
        .replace(/[^\w\s-]/g, '')
        .replaceAll(' ', '-'),
    );
  const broken: string[] = [];
  for (const document of all) {
    for (const [, target = ''] of (await read(document)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target)) continue;
      const [file = '', anchor] = target.split('#');
      const path = file === '' ? document : join(dirname(document), file);
      const text = await read(path).catch(async () =>
        (await readdir(join(root, path)).catch(() => undefined)) ? '' : undefined,
      );
      if (text === undefined || (anchor !== undefined && !anchorsOf(text).includes(anchor))) {
        broken.push(`${document}: ${target}`);
      }
    }
  }
  expect(broken).toEqual([]);
});
