// biome-ignore lint/style/noDefaultExport: Jest reads the default export.
export default {
  roots: ['<rootDir>/test'],
  testMatch: ['**/*.test.ts'],
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
  // One more than processors: many tests wait for a server, a process or a timeout.
  maxWorkers: 3,
  testTimeout: 60_000,
  restoreMocks: true,
  coverageProvider: 'v8',
  collectCoverageFrom: ['lib/**/*.ts', 'lambdas/**/*.ts'],
  coverageReporters: ['text-summary', 'html', 'lcovonly'],
  coverageThreshold: { global: { statements: 97, branches: 94, functions: 97, lines: 97 } },
};
