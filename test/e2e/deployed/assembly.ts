/** What `cdk deploy` would deploy: the assembly of an environment, made by the very command of cdk.json. */
import { execFile } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { ACCOUNT, REGION } from './physical-ids.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const FOLDER = 'hfstorage-assembly-';
/** Older ones were left behind by runs that are over. */
const OLD_MS = 3_600_000;

export interface Template {
  readonly Resources: Readonly<Record<string, TemplateResource>>;
  readonly Parameters?: Readonly<Record<string, { readonly Default?: string }>>;
  readonly Mappings?: Readonly<Record<string, Readonly<Record<string, Readonly<Record<string, unknown>>>>>>;
  readonly Conditions?: Readonly<Record<string, unknown>>;
  readonly Outputs?: Readonly<
    Record<string, { readonly Value: unknown; readonly Export?: { readonly Name: unknown } }>
  >;
}

export interface TemplateResource {
  readonly Type: string;
  readonly Properties?: Readonly<Record<string, unknown>>;
  readonly Condition?: string;
}

export interface StackTemplate {
  readonly name: string;
  readonly template: Template;
  /** Folders of what the stack uploads, by the key it has in the bucket of assets. */
  readonly assets: ReadonlyMap<string, string>;
}

interface Manifest {
  readonly artifacts: Readonly<
    Record<
      string,
      {
        readonly type: string;
        /** Such as `aws://unknown-account/eu-central-1`. */
        readonly environment?: string;
        readonly properties?: { readonly templateFile?: string; readonly stackName?: string };
        readonly dependencies?: readonly string[];
      }
    >
  >;
}

interface AssetManifest {
  readonly files: Readonly<
    Record<
      string,
      {
        readonly source: { readonly path?: string; readonly packaging: string };
        readonly destinations: Readonly<Record<string, { readonly objectKey: string }>>;
      }
    >
  >;
}

const parse = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T;

async function synthesize(environment: string, folder: string): Promise<void> {
  const { app } = parse<{ app: string }>(join(ROOT, 'cdk.json'));
  const [program, ...args] = app.replace(/^npx --no-install /, '').split(' ') as [string, ...string[]];
  const env = { ...process.env, CDK_OUTDIR: folder, CDK_CONTEXT_JSON: JSON.stringify({ env: environment }) };
  // The Node of the tests is the one that `npx` would find.
  await promisify(execFile)(program === 'node' ? process.execPath : program, args, { cwd: ROOT, env });
}

function removeOld(): Promise<unknown> {
  const left = readdirSync(tmpdir())
    .filter((name) => name.startsWith(FOLDER))
    .map((name) => join(tmpdir(), name))
    .filter((folder) => Date.now() - (statSync(folder, { throwIfNoEntry: false })?.mtimeMs ?? 0) > OLD_MS);
  return Promise.all(left.map((folder) => rm(folder, { recursive: true, force: true })));
}

/**
 * The folder of an environment's assembly. All test files of a run share it: the first synthesizes, the others wait. It is
 * outside of this package, so that a function finds no library that its bundle lacks.
 */
async function assemblyFolder(environment: string): Promise<string> {
  const run = process.env.HFSTORAGE_TEST_DYNAMODB_PREFIX ?? `${process.pid}`;
  const folder = join(tmpdir(), `${FOLDER}${run}`, environment);
  const lock = `${folder}.lock`;
  await mkdir(join(tmpdir(), `${FOLDER}${run}`), { recursive: true });
  while (!existsSync(folder)) {
    try {
      await mkdir(lock);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      await sleep(100);
      continue;
    }
    try {
      if (existsSync(folder)) break;
      await removeOld();
      await rm(`${folder}.new`, { recursive: true, force: true });
      await synthesize(environment, `${folder}.new`);
      // Whole or not at all: who waits looks for the folder.
      await rename(`${folder}.new`, folder);
    } finally {
      await rm(lock, { recursive: true, force: true });
    }
  }
  return folder;
}

function assetsOf(folder: string, artifact: string): Map<string, string> {
  const file = join(folder, `${artifact}.assets.json`);
  const assets = new Map<string, string>();
  if (!existsSync(file)) return assets;
  for (const { source, destinations } of Object.values(parse<AssetManifest>(file).files)) {
    if (source.path === undefined || source.packaging !== 'zip') continue;
    for (const { objectKey } of Object.values(destinations)) assets.set(objectKey, join(folder, source.path));
  }
  return assets;
}

/** A template with the account and the region of the tests in place of its own, where it has any. */
function moved(template: Template, environment = ''): Template {
  const [account = '', region = ''] = environment.replace('aws://', '').split('/');
  const replaced = [
    [account, ACCOUNT],
    [region, REGION],
  ].filter(([own = '']) => own !== '' && !own.startsWith('unknown-'));
  const text = replaced.reduce((all, [own = '', ours = '']) => all.replaceAll(own, ours), JSON.stringify(template));
  return JSON.parse(text) as Template;
}

/** The stacks of a synthesized folder, those that others depend on first. */
export function readAssembly(folder: string): StackTemplate[] {
  const { artifacts } = parse<Manifest>(join(folder, 'manifest.json'));
  const ordered: StackTemplate[] = [];
  const seen = new Set<string>();
  const visit = (id: string): void => {
    const artifact = artifacts[id];
    if (seen.has(id) || artifact === undefined) return;
    seen.add(id);
    for (const dependency of artifact.dependencies ?? []) visit(dependency);
    if (artifact.type !== 'aws:cloudformation:stack') return;
    const { templateFile, stackName } = artifact.properties ?? {};
    const template = moved(parse<Template>(join(folder, templateFile as string)), artifact.environment);
    ordered.push({ name: stackName ?? id, template, assets: assetsOf(folder, id) });
  };
  for (const id of Object.keys(artifacts)) visit(id);
  return ordered;
}

/** The stacks of a shipped environment, such as `dev`. */
export const assemblyOf = async (environment: string): Promise<StackTemplate[]> =>
  readAssembly(await assemblyFolder(environment));
