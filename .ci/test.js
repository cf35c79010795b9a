// `npm test` runs this: format and lint, types, the dependency rule, then the tests. Arguments go to Jest, for example
// `npm test -- test/contract`. A leading `--trials` runs the long tests instead, at full length. Plain JavaScript, so that
// an older Node can print a clear message.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const OLDEST_NODE = 24;
const root = join(import.meta.dirname ?? '.', '..');
const isTrial = process.argv[2] === '--trials';
const given = process.argv.slice(isTrial ? 3 : 2);
const TRIALS = [
  'test/contract/isolation.test.ts',
  'test/contract/model-based.test.ts',
  'test/migration/killed.test.ts',
  'test/migration/pairs.test.ts',
  'test/server/random-input.test.ts',
  'test/strategies/dynamodb/provisioning.test.ts',
  'test/strategies/json/crash.test.ts',
  'test/strategies/json/repair-sequences.test.ts',
  'test/strategies/json/sharing.test.ts',
  'test/strategies/sql/injection.test.ts',
  'test/strategies/sql/schema-upgrade-killed.test.ts',
  'test/strategies/sql/sqlite-processes.test.ts',
];
const jestArguments = isTrial && given.length === 0 ? TRIALS : given;

if (Number(process.versions.node.split('.')[0]) < OLDEST_NODE) {
  console.error(
    `The tests need Node ${OLDEST_NODE} or newer; this is ${process.version}. Run \`npm ci\`, then \`npm test\`.`,
  );
  process.exit(1);
}

const sources = ['bin', 'lambdas', 'lib', 'test', 'bench', 'examples'].filter((folder) =>
  existsSync(join(root, folder)),
);
// By default Biome also colours output to a file or a pipe.
const colors = `--colors=${process.stdout.isTTY ? 'force' : 'off'}`;
const bin = (path) => join(root, 'node_modules', path);
const cache = join(root, 'node_modules', '.cache', 'hfstorage-test');
const buildInfo = join(cache, 'tsc.tsbuildinfo');
const checks = [
  { heading: 'Format and lint (Biome)', command: [bin('@biomejs/biome/bin/biome'), 'ci', colors, '.'] },
  {
    heading: 'Types (TypeScript)',
    command: [bin('typescript/bin/tsc'), '-p', '.', '--incremental', '--tsBuildInfoFile', buildInfo],
  },
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

const env = { ...process.env };
if (isTrial) env.HFSTORAGE_TRIALS = '1';
// The tests start hundreds of processes, each of which would compile the same files again. Cached code has no line
// coverage, though.
if (!given.includes('--coverage')) env.NODE_COMPILE_CACHE ??= join(cache, 'compiled');

/** The running steps. */
const steps = new Set();

/** Runs a step and prints the result. Output appears immediately, or at the end if several steps run in parallel. */
async function run({ heading, command }, output) {
  const start = performance.now();
  const group = join(root, '.ci', 'process-group.js');
  const child = spawn(process.execPath, [group, process.execPath, ...command], {
    cwd: root,
    env,
    stdio: ['pipe', output, output],
  });
  steps.add(child);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (more) => {
      text += more;
    });
  }
  const [status, signal] = await once(child, 'close');
  steps.delete(child);
  const seconds = ((performance.now() - start) / 1000).toFixed(1);
  const failed = status !== 0;
  const verdict = failed ? `FAILED after ${seconds} s${signal ? ` (${signal})` : ''}` : `passed in ${seconds} s`;
  console.log(`${text}== ${heading}: ${verdict}`);
  return failed ? status || 1 : 0;
}

/** Ends the running steps: each ends with its whole process group when its standard input closes. */
function endSteps() {
  for (const child of steps) child.stdin.destroy();
}

let isEnded = false;
function end(status) {
  isEnded = true;
  process.exitCode = status;
  endSteps();
}
for (const [signal, status] of Object.entries({ SIGHUP: 129, SIGINT: 130, SIGTERM: 143 })) {
  process.on(signal, () => end(status));
}
// The shell between npm and this process may die from a signal without passing it on.
if (process.env.npm_lifecycle_event !== undefined && process.platform !== 'win32') {
  const parent = process.ppid;
  setInterval(() => process.ppid !== parent && end(143), 500).unref();
}

async function runAll() {
  if (!isTrial) {
    // One at a time would leave processors idle.
    const outcomes = await Promise.all(checks.map((check) => run(check, 'pipe')));
    const failure = outcomes.find((status) => status !== 0);
    if (failure !== undefined || isEnded) return failure ?? 1;
  }
  console.log(`\n== ${tests.heading}`);
  return run(tests, 'inherit');
}

const status = await runAll();
process.exit(isEnded ? process.exitCode : status);
