import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The folder of this package: the clone, or the installed package. Undefined inside a bundle. */
export function packageRoot(): string | undefined {
  // From lib/config in a clone and from dist/lib/config when installed, so the number of levels differs.
  for (let folder = import.meta.dirname; ; folder = dirname(folder)) {
    if (existsSync(join(folder, 'package.json'))) return folder;
    if (dirname(folder) === folder) return undefined;
  }
}
