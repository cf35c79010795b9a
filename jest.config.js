import { basename } from 'node:path';
import { operations } from './test/contract/operations.ts';

// The Jest file of each store runs every operation of the contract. One that is named on the command line runs by itself,
// on every store.
const named = process.argv.slice(2).map((argument) => basename(argument).replace(/(\.test)?\.ts$/, ''));
const included = operations.filter((operation) => !named.includes(operation));

const common = {
  // Native ES modules: the packages used (middy among them) come as nothing else.
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '\\.ts$': [
      '@swc/jest',
      {
        module: { type: 'es6' },
        // The newest target leaves the code as Node runs it in production: nothing is rewritten but the types.
        jsc: { target: 'esnext', parser: { syntax: 'typescript' } },
      },
    ],
  },
  testEnvironment: 'node',
  globalSetup: '<rootDir>/test/backends/start.ts',
  globalTeardown: '<rootDir>/test/backends/stop.ts',
  restoreMocks: true,
};

/** Test files of these folders. */
const project = (displayName, folders, more = {}) => ({
  ...common,
  displayName,
  testMatch: folders.map((folder) => `<rootDir>/test/${folder}/**/*.test.ts`),
  ...more,
});

// biome-ignore lint/style/noDefaultExport: Jest reads the default export.
export default {
  projects: [
    // No servers: what asks for one fails.
    project(
      'unit',
      ['ci', 'config', 'jobs', 'lambda', 'model', 'objects', 'remote', 'repository', 'server', 'service', 'transfer'],
      {
        setupFiles: ['<rootDir>/test/backends/no-backends.ts'],
      },
    ),
    project('stores', ['backup', 'contract', 'migration', 'backends', 'strategies'], {
      testPathIgnorePatterns: ['/node_modules/', `/test/contract/(${included.join('|')})\\.test\\.ts$`],
    }),
    project('cdk', ['cdk']),
    project('e2e', ['cli', 'e2e']),
  ],
  testSequencer: '<rootDir>/test/longest-first.js',
  // One more than processors: many tests wait for a server, a process or a timeout.
  maxWorkers: 3,
  // What hangs must end some time; a busy machine must not be taken for it.
  testTimeout: process.env.HFSTORAGE_TRIALS === undefined ? 300_000 : 7_200_000,
  coverageProvider: 'v8',
  // The stacks are synthesized in a process of its own, whose lines are not counted.
  collectCoverageFrom: ['lib/**/*.ts', '!lib/cdk/**', 'lambdas/**/*.ts'],
  coverageReporters: ['text-summary', 'html', 'lcovonly'],
  coverageThreshold: { global: { statements: 97, branches: 94, functions: 97, lines: 97 } },
};
