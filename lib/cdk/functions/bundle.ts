/** Bundles of the Lambda functions: one file each, with the one store that is in use. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildSync } from 'esbuild';
import type { Config } from '../../config/configuration.ts';
import { packageRoot } from '../../config/package-root.ts';

/** What becomes a function. */
export interface FunctionSource {
  /** Name of the folder of the bundle. */
  readonly name: string;
  /** The module that exports `handler`, from the root of this package. */
  readonly entry: string;
}

export interface BundleRequest {
  readonly functions: readonly FunctionSource[];
  /** Modules that are not taken into the bundles; see `unusedModules`. */
  readonly external: readonly string[];
  /** Where a folder for each function is made, with index.mjs in it. */
  readonly outdir: string;
}

/** Makes the bundles. Tests of stacks have a quicker one that makes none. */
export type Bundler = (request: BundleRequest) => void;

/** Handler of each bundle. */
export const HANDLER = 'index.handler';

// Packages in CommonJS call `require`, which a module has not.
const BANNER =
  "import{createRequire as hfstorageRequire}from'node:module';const require=hfstorageRequire(import.meta.url);";

/** Modules that some stores need and others do not. Those of a store are imported only when it is opened. */
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
 * Ways to credentials that Lambda has no use for: it sets variables. The SDK imports them only where those are missing.
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

/** What functions with these stores never import: the other stores, and libraries that these do without. */
export function unusedModules(...configs: readonly Pick<Config, 'storage'>[]): string[] {
  const used = new Set(configs.flatMap(usedModules).map((name) => optionalModules[name]));
  // libpq in C, which pg looks for, and does without.
  const never = [...credentialProviders, 'pg-native'];
  return [...Object.values(optionalModules).filter((module) => !used.has(module)), ...never];
}

/** Bundles with esbuild, all functions in one run, so that each source is read once. */
export const bundle: Bundler = ({ functions, external, outdir }) => {
  buildSync({
    absWorkingDir: packageRoot() ?? process.cwd(),
    entryPoints: functions.map(({ name, entry }) => ({ in: entry, out: `${name}/index` })),
    outdir,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    minify: true,
    // Names of error classes are in logs.
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
