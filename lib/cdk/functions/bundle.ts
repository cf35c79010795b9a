/** Bundles of the Lambda functions: one file each, with only the store in use. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Config } from '../../config/configuration.ts';
import { packageRoot } from '../../config/package-root.ts';

/** The source of a function. */
export interface FunctionSource {
  /** Name of the folder of the bundle. */
  readonly name: string;
  /** The module that exports `handler`, relative to the root of this package. */
  readonly entry: string;
}

export interface BundleRequest {
  readonly functions: readonly FunctionSource[];
  /** Modules that are left out of the bundles; see `unusedModules`. */
  readonly external: readonly string[];
  /** Parent of a folder per function, with its index.mjs. */
  readonly outdir: string;
}

/** Creates the bundles. Tests of stacks use a faster one that creates none. */
export type Bundler = (request: BundleRequest) => void;

/** Handler of each bundle. */
export const HANDLER = 'index.handler';

// CommonJS packages call `require`, which ES modules lack.
const BANNER =
  "import{createRequire as hfstorageRequire}from'node:module';const require=hfstorageRequire(import.meta.url);";

/** Modules that only some stores need. Those of a store are imported only when it is opened. */
const optionalModules = {
  json: '*/json/json-strategy.ts',
  sql: '*/sql/open-sql-strategy.ts',
  sqlite: '*/sqlite/open-sqlite-database.ts',
  postgresql: '*/postgresql/open-postgresql-database.ts',
  dynamodb: '*/dynamodb/open-dynamodb-strategy.ts',
  secrets: '@aws-sdk/client-secrets-manager',
  signer: '@aws-sdk/rds-signer',
  dax: '@amazon-dax-sdk/lib-dax',
} as const;

/**
 * Credential providers that are not needed in Lambda, which sets variables. The SDK imports them only if those are missing.
 */
const credentialProviders = [
  ...['http', 'ini', 'login', 'process', 'sso', 'web-identity'].map((name) => `@aws-sdk/credential-provider-${name}`),
  '@smithy/credential-provider-imds',
];

function usedModules({ storage }: Pick<Config, 'storage'>): (keyof typeof optionalModules)[] {
  const { strategy, sql_strategy, dynamodb_strategy } = storage;
  switch (strategy) {
    case 'json':
      return ['json'];
    case 'sql': {
      const { type, iam_authentication } = sql_strategy;
      return type === 'sqlite' ? ['sql', 'sqlite'] : ['sql', 'postgresql', iam_authentication ? 'signer' : 'secrets'];
    }
    case 'dynamodb':
      return dynamodb_strategy.enable_dax ? ['dynamodb', 'dax'] : ['dynamodb'];
  }
}

/** Modules that functions with these stores never import: the other stores, and optional libraries. */
export function unusedModules(...configs: readonly Pick<Config, 'storage'>[]): string[] {
  const used = new Set(configs.flatMap(usedModules).map((name) => optionalModules[name]));
  // libpq in C, which pg tries to load and does not need.
  const never = [...credentialProviders, 'pg-native'];
  return [...Object.values(optionalModules).filter((module) => !used.has(module)), ...never];
}

/** Bundles all functions with esbuild in one run, so that each source is read only once. */
export const bundle: Bundler = ({ functions, external, outdir }) => {
  buildSync({
    absWorkingDir: packageRoot() ?? process.cwd(),
    entryPoints: functions.map(({ name, entry }) => ({ in: entry, out: `${name}/index` })),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    // Names of error classes appear in logs.
    keepNames: true,
    legalComments: 'none',
    platform: 'node',
    target: 'node24',
    format: 'esm',
    mainFields: ['module', 'main'],
    banner: { js: BANNER },
    external: [...external],
    logLevel: 'silent',
  });
};

/** Adds files to the folder of each bundle. */
export function addFiles(
  { functions, outdir }: Pick<BundleRequest, 'functions' | 'outdir'>,
  files: Readonly<Record<string, string>>,
): void {
  for (const { name } of functions) {
    mkdirSync(join(outdir, name), { recursive: true });
    for (const [file, content] of Object.entries(files)) writeFileSync(join(outdir, name, file), content);
  }
}
