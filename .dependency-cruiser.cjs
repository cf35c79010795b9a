// The layers of the code: what each is, and what it may import besides itself. Everything of ours that is not listed is
// forbidden. `npm run generate` writes the table of layers in docs/architecture.md from the rules made here.
const OPEN_REPOSITORY = 'lib/strategies/open-repository.ts';
/** What everything stands on that stores or reads entities in bulk. */
const BASE = ['lib/objects', 'lib/repository', 'lib/model', 'lib/config'];
const WORK = ['lib/migration', 'lib/backup', 'lib/transfer', ...BASE];
const layers = {
  'lib/model': { is: 'the stored collections, declared once; values, order, validation', imports: [] },
  'lib/config': {
    is: 'reading and validating the configuration',
    imports: ['lib/model', 'lib/repository/errors.ts'],
  },
  'lib/repository': {
    is: 'the interface that programs use, its policy, and the port that stores implement',
    imports: ['lib/model'],
  },
  'lib/objects': {
    is: 'named objects in a folder or an S3 bucket: create-if-absent, atomic replacement, listing',
    imports: ['lib/config', 'lib/repository/errors.ts'],
  },
  'lib/strategies': {
    is: 'the stores, independent of one another',
    imports: BASE,
  },
  'lib/service': {
    is: 'use cases and the HTTP API as plain functions',
    imports: ['lib/repository', 'lib/model', 'lib/config/migration.ts'],
  },
  'lib/remote': {
    is: 'the Repository over HTTP',
    imports: ['lib/service', 'lib/repository', 'lib/model', 'lib/config/package-version.ts'],
  },
  'lib/transfer': {
    is: 'the engine of long work: steps, units, checkpoints, retries, digests, comparison',
    imports: ['lib/objects', 'lib/repository', 'lib/model', 'lib/config/json-strategy.ts'],
  },
  'lib/backup': {
    is: 'backups: writing, listing, verifying, restoring, removing',
    imports: ['lib/transfer', ...BASE, OPEN_REPOSITORY],
  },
  'lib/migration': {
    is: 'one store to another: the phases, their order, the plan and the report',
    imports: ['lib/backup', 'lib/transfer', ...BASE, OPEN_REPOSITORY],
  },
  'lib/jobs': {
    is: 'starting and following long work: as processes, or as executions of state machines',
    imports: ['lib/service', ...WORK],
  },
  'lib/lambda': {
    is: 'what the Lambda functions share: events, log, metrics, the tasks of long work',
    imports: ['lib/jobs', 'lib/service', ...WORK, OPEN_REPOSITORY],
  },
  lambdas: {
    is: 'entry points, one small file per Lambda function',
    imports: ['lib/lambda', 'lib/jobs', 'lib/service', ...WORK, OPEN_REPOSITORY],
  },
  'lib/doctor': {
    is: 'the findings of `hfstorage doctor`',
    imports: ['lib/strategies', 'lib/repository', 'lib/model', 'lib/config'],
  },
  'lib/server': {
    is: 'the local HTTP server, which runs the Lambda handlers',
    imports: ['lambdas', 'lib/lambda', 'lib/service', ...BASE],
  },
  'lib/cli': {
    is: '`hfstorage`',
    imports: ['lib/server', 'lib/remote', 'lib/doctor', 'lib/jobs', 'lib/service', 'lib/strategies', ...WORK],
  },
  'lib/cdk': {
    is: 'the AWS deployment',
    imports: [
      'lib/model',
      'lib/config',
      'lib/repository/errors.ts',
      'lib/service/http/routes.ts',
      'lib/service/http/problem-types.ts',
      'lib/strategies/dynamodb/tables/table-definitions.ts',
    ],
  },
};

/** A folder with everything in it, or a file. */
const pattern = (path) => (path.endsWith('.ts') ? `^${path.replaceAll('.', '\\.')}$` : `^${path}/`);

const layerRules = Object.entries(layers).map(([layer, { is, imports }]) => ({
  name: `${layer.replace('lib/', '')}-imports`,
  comment: is,
  severity: 'error',
  from: { path: pattern(layer) },
  to: { path: '^(lib|lambdas|bin)/', pathNot: [layer, ...imports].map(pattern) },
}));

module.exports = {
  forbidden: [
    ...layerRules,
    {
      name: 'stores-apart',
      comment: 'One store knows nothing of another, so that a bundle holds one of them only.',
      severity: 'error',
      from: { path: '^lib/strategies/([^/]+)/' },
      to: { path: '^lib/strategies/[^/]+/', pathNot: '^lib/strategies/$1/' },
    },
    {
      name: 'production-apart',
      comment: 'What is shipped never imports tests, benchmarks or examples.',
      severity: 'error',
      from: { path: '^(lib|lambdas|bin)/' },
      to: { path: '^(test|bench|examples)/' },
    },
    {
      name: 'production-dependencies',
      comment: 'What is shipped imports only what package.json lists under dependencies.',
      severity: 'error',
      from: { path: '^(lib|lambdas|bin)/', pathNot: '^(lib/cdk|bin/cdk)' },
      to: { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'no-cycles',
      comment: 'No two files import each other, not even for types: one of them can be understood first.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A file that nothing uses and that uses nothing is left over.',
      severity: 'error',
      from: { path: '^lib/', orphan: true },
      to: {},
    },
    {
      name: 'resolvable',
      comment: 'Every import leads to a file or an installed package.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    // Imports of types count for the layers too.
    tsPreCompilationDeps: 'specify',
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
