/** Every shipped environment: its resources, and whether they are safe. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { environments } from '../../lib/cdk/environment/environment-file.ts';
import { assemblyFolder, RULES_FILE, type Rules, type Synthesized, shipped } from './assembly-folder.ts';
import { inventoryOf } from './inventory.ts';
import { expectToMatchFile, SNAPSHOTS } from './match-file.ts';
import { parts, templateFiles, templatesOf } from './synthesized.ts';
import { CONFIG_FOLDER, type Variant, variants } from './variants.ts';

const all: readonly Synthesized[] = [...shipped, ...(Object.keys(variants) as Variant[])];
const templateOf = await templatesOf(...all);

/**
 * The environment with complete snapshots. It has the most features: alarms with a topic, usage plans, a web firewall, a key,
 * scaling, locked backups, a vault. The same code creates the stacks of the others, whose own features have separate tests.
 */
const WHOLE = 'prod';

const fileOf = async (name: Synthesized, file: string): Promise<string> =>
  readFileSync(join(await assemblyFolder(name), file), 'utf8');

const rulesOf = async (name: Synthesized): Promise<Rules> => JSON.parse(await fileOf(name, RULES_FILE)) as Rules;

test('the shipped environments are these', () => {
  expect(environments(CONFIG_FOLDER)).toEqual([...shipped]);
});

test.each(all)('%s breaks no rule', async (name) => {
  const { pluginReports } = JSON.parse(await fileOf(name, 'validation-report.json')) as {
    pluginReports: { violations: unknown[] }[];
  };
  expect(pluginReports.flatMap(({ violations }) => violations)).toEqual([]);
});

test.each(shipped)('%s has reasons for exactly the rules that it breaks', async (name) => {
  const { broken, reasons } = await rulesOf(name);
  expect(Object.keys(reasons).toSorted()).toEqual(broken.toSorted());
  for (const reason of Object.values(reasons)) expect(reason.length).toBeGreaterThan(30);
});

describe('snapshots', () => {
  test.each(parts)(`the %s stack of ${WHOLE}`, (part) => {
    const text = JSON.stringify(templateOf(WHOLE, part).toJSON(), undefined, 2);
    // Snapshots do not contain the code of the functions.
    expectToMatchFile(`${text.replaceAll(/[0-9a-f]{64}/g, 'HASH')}\n`, `${WHOLE}-${part}.json`);
  });

  test.each(shipped.filter((name) => name !== WHOLE))('the resources and permissions of %s', (name) => {
    const stacks = parts.map((part) => inventoryOf(part, templateOf(name, part)));
    expectToMatchFile(stacks.join('\n'), `${name}.txt`);
  });

  test('exist for every stack, and none is left over', async () => {
    for (const name of shipped) expect(templateFiles(await assemblyFolder(name))).toHaveLength(parts.length);
    const expected = [
      ...parts.map((part) => `${WHOLE}-${part}.json`),
      ...shipped.filter((name) => name !== WHOLE).map((name) => `${name}.txt`),
    ];
    expect(readdirSync(SNAPSHOTS).toSorted()).toEqual(expected.toSorted());
  });
});
