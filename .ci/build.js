// Compiles bin, lib and lambdas to dist/, as JavaScript with type declarations. An installed package runs these, since
// Node does not strip types inside node_modules. `npm pack` calls this script.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outDir = join(root, 'dist');

/** tsconfig.json with the changes for the build. */
function readProject() {
  const { config, error } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  if (error !== undefined) return { fileNames: [], options: {}, errors: [error] };
  // Node 24 runs the newest target unchanged. For older targets TypeScript 6.0 rewrites `await using`, and then keeps the
  // .ts extensions of dynamic imports next to it.
  const changed = { noEmit: false, declaration: true, target: 'esnext', outDir, rootDir: root };
  const compilerOptions = { ...config.compilerOptions, ...changed };
  return ts.parseJsonConfigFileContent(
    { ...config, compilerOptions, include: ['bin', 'lib', 'lambdas'] },
    ts.sys,
    root,
  );
}

/** Writes TypeScript's output, and records imports that would not resolve: those that kept their .ts extension. */
function writeFile(path, text, ...rest) {
  if (path.endsWith('.js') && /(?:from|import\() ?["'][^"']+\.ts["']/.test(text)) unresolvable.push(path);
  host.writeFile(path, text, ...rest);
}

const { fileNames, options, errors } = readProject();
const host = ts.createCompilerHost(options);
rmSync(outDir, { recursive: true, force: true });
const program = ts.createProgram(fileNames, options, host);
const problems = [...errors, ...ts.getPreEmitDiagnostics(program)];
const unresolvable = [];
if (problems.length === 0) problems.push(...program.emit(undefined, writeFile).diagnostics);
if (problems.length > 0) {
  console.error(ts.formatDiagnostics(problems, host));
  process.exitCode = 1;
}
for (const path of unresolvable) {
  console.error(`${path} imports a .ts file, which is not in dist.`);
  process.exitCode = 1;
}
