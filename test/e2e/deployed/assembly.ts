/** The assembly of an environment, which `cdk deploy` would deploy. test/cdk checks that `cdk synth` writes the same. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { jest } from '@jest/globals';
import { assemblyFolder, type Shipped } from '../../cdk/assembly-folder.ts';
import { ACCOUNT, REGION } from './physical-ids.ts';

// One process synthesizes everything that the run requests, one after the other.
jest.setTimeout(300_000);

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
  /** Folders that the stack uploads, by their keys in the asset bucket. */
  readonly assets: ReadonlyMap<string, string>;
}

interface Manifest {
  readonly artifacts: Readonly<
    Record<
      string,
      {
        readonly type: string;
        /** For example `aws://unknown-account/eu-central-1`. */
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

/** A template with its account and region, if any, replaced by those of the tests. */
function moved(template: Template, environment = ''): Template {
  const [account = '', region = ''] = environment.replace('aws://', '').split('/');
  const replaced = [
    [account, ACCOUNT],
    [region, REGION],
  ].filter(([own = '']) => own !== '' && !own.startsWith('unknown-'));
  const text = replaced.reduce((all, [own = '', ours = '']) => all.replaceAll(own, ours), JSON.stringify(template));
  return JSON.parse(text) as Template;
}

/** The stacks of a synthesized folder, dependencies first. */
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
  readAssembly(await assemblyFolder(environment as Shipped));
