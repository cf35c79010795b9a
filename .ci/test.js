// What `npm test` runs: format and lint, types, the dependency rule, then the tests. Arguments go to Jest, for example
// `npm test -- test/contract`. Plain JavaScript, so that an older Node can still say what is wrong.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const OLDEST_NODE = 24;
const root = join(import.meta.dirname ?? '.', '..');
const jestArguments = process.argv.slice(2);

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  console.error(
    `The tests need Node ${OLDEST_NODE} or newer; this is ${process.version}. Run \`npm ci\`, then \`npm test\`.`,
  );
  process.exit(1);
}

const sources = ['bin', 'lambdas', 'lib', 'test', 'bench', 'examples'].filter((folder) =>
  existsSync(join(root, folder)),
);
// Left to itself, Biome colours what goes into a file or a pipe too.
const colors = `--colors=${process.stdout.isTTY ? 'force' : 'off'}`;
const bin = (path) => join(root, 'node_modules', path);
const checks = [
  { heading: 'Format and lint (Biome)', command: [bin('@biomejs/biome/bin/biome'), 'ci', colors, '.'] },
  { heading: 'Types (TypeScript)', command: [bin('typescript/bin/tsc'), '-p', '.'] },
  {
    heading: 'Imports between layers (dependency-cruiser)',
    command: [bin('dependency-cruiser/bin/dependency-cruiser.mjs'), '--config', '.dependency-cruiser.cjs', ...sources],
  },
];
const tests = {
  heading: 'Tests (Jest)',
  // Jest runs native ES modules through Node's vm modules, which are behind this flag.
  command: [
    '--experimental-vm-modules',
    '--disable-warning=ExperimentalWarning',
    bin('jest/bin/jest.js'),
    ...jestArguments,
  ],
};

/** Runs a step and says how it ended. Its output is shown as it comes, or where several run at once, when it has ended. */
async function run({ heading, command }, stdio) {
  const start = performance.now();
  const child = spawn(process.execPath, command, { cwd: root, stdio });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
  }
  const [status, signal] = await once(child, 'close');
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const failed = status !== 0;
  const verdict = failed ? `FAILED after ${seconds} s${signal ? ` (${signal})` : ''}` : `passed in ${seconds} s`;
  console.log(`${output}== ${heading}: ${verdict}`);
  return failed ? status || 1 : 0;
}

// Each by itself leaves processors idle.
const outcomes = await Promise.all(checks.map((check) => run(check, ['ignore', 'pipe', 'pipe'])));
const failure = outcomes.find((status) => status !== 0);
if (failure !== undefined) process.exit(failure);
console.log(`\n== ${tests.heading}`);
process.exit(await run(tests, 'inherit'));
