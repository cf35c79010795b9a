/** The bundles of a shipped environment's functions, as they are uploaded. */
import { assemblyOf } from '../e2e/deployed/assembly.ts';
import type { Shipped } from './assembly-folder.ts';

const FUNCTION = /^(?:Functions|Tasks|Watch)(\w+)Function[0-9A-F]{8}$/;

/** Returns the folder of a bundle by its name, such as `get-entity`. It is shared: do not change it. */
export async function bundleFolders(environment: Shipped): Promise<(name: string) => string> {
  const folders = new Map<string, string>();
  for (const { template, assets } of await assemblyOf(environment)) {
    for (const [id, { Type, Properties }] of Object.entries(template.Resources)) {
      const [, name] = FUNCTION.exec(id) ?? [];
      if (Type !== 'AWS::Lambda::Function' || name === undefined) continue;
      const { S3Key } = (Properties as { Code: { S3Key: string } }).Code;
      folders.set(name, assets.get(S3Key) as string);
    }
  }
  return (name) => {
    const folder = folders.get(name.replaceAll('-', ''));
    if (folder === undefined) throw new Error(`${environment} has no function ${name}.`);
    return folder;
  };
}
