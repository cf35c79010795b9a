// Compiles bin, lib and lambdas to dist/, as JavaScript with type declarations: what an installed package runs, since
// Node strips no types inside node_modules. `npm pack` calls it.
import { rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outDir = join(root, 'dist');

/** tsconfig.json with what differs for the build. */
function readProject() {
  const { config, error } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile);
  if (error !== undefined) return { fileNames: [], options: {}, errors: [error] };
  // Node 24 runs the newest target as it stands. Older ones rewrite `await using`, and TypeScript 6.0 then leaves the .ts
  // endings of dynamic imports beside it.
  const changed = { noEmit: false, declaration: true, target: 'esnext', outDir, rootDir: root };
  const compilerOptions = { ...config.compilerOptions, ...changed };
  return ts.parseJsonConfigFileContent(
    { ...config, compilerOptions, include: ['bin', 'lib', 'lambdas'] },
    ts.sys,
    root,
  );
}

/** Writes what TypeScript emits, and notes imports that would not be found: those that kept their .ts ending. */
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
