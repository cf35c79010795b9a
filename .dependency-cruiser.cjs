// The layers of the code: what each may import, besides itself. Everything of ours that is not listed is forbidden.
const OPEN_REPOSITORY = '^lib/strategies/open-repository\\.ts$';
const layers = {
  'lib/model': [],
  'lib/config': ['^lib/model/', '^lib/repository/errors\\.ts$'],
  'lib/repository': ['^lib/model/'],
  'lib/objects': ['^lib/config/', '^lib/repository/errors\\.ts$'],
  'lib/strategies': ['^lib/(objects|repository|model|config)/'],
  'lib/service': ['^lib/(repository|model)/', '^lib/config/migration\\.ts$'],
  'lib/remote': ['^lib/(service|repository|model)/', '^lib/config/package-version\\.ts$'],
  'lib/transfer': ['^lib/(objects|repository|model)/'],
  'lib/backup': ['^lib/(transfer|objects|repository|model|config)/', OPEN_REPOSITORY],
  'lib/migration': ['^lib/(backup|transfer|objects|repository|model|config)/', OPEN_REPOSITORY],
  'lib/jobs': ['^lib/(service|migration|backup|transfer|objects|repository|model|config)/'],
  'lib/lambda': ['^lib/(jobs|objects|service|migration|backup|transfer|repository|model|config)/', OPEN_REPOSITORY],
  lambdas: ['^lib/(lambda|jobs|objects|service|migration|backup|transfer|repository|model|config)/', OPEN_REPOSITORY],
  'lib/doctor': ['^lib/(strategies|repository|model|config)/'],
  'lib/server': ['^lambdas/', '^lib/(lambda|service|objects|repository|model|config)/'],
  'lib/cli': ['^lib/(?!cdk/)', '^lambdas/'],
  'lib/cdk': [
    '^lib/(model|config)/',
    '^lib/repository/errors\\.ts$',
    '^lib/service/http/(routes|problem-types)\\.ts$',
    '^lib/strategies/dynamodb/tables/table-definitions\\.ts$',
  ],
};

const layerRules = Object.entries(layers).map(([layer, allowed]) => ({
  name: `${layer.replace('lib/', '')}-imports`,
  comment: `${layer} may import only: ${[`^${layer}/`, ...allowed].join('  ')}`,
  severity: 'error',
  from: { path: `^${layer}/` },
  to: { path: '^(lib|lambdas|bin)/', pathNot: [`^${layer}/`, ...allowed] },
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
