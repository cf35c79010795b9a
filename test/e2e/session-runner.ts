/** Runs the shell sessions of a document in a separate folder, as a reader would type them in a clone. */
import { type ChildProcess, type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { freePort } from '../backends/kept-process.ts';
import type { SessionBlock } from './documented-session.ts';

export const root = join(import.meta.dirname, '..', '..');

/** Address in the documents, replaced with another port. */
const DOCUMENTED = '127.0.0.1:8080';
const SERVE = /^npx hfstorage serve$/m;
/** A hanging command is ended before the test times out, so that nothing keeps running. */
const LONGEST_MS = 250_000;
const END_OF_BLOCK = '-- end of block --';

export interface SessionResult {
  readonly block: SessionBlock;
  readonly output: string;
}

/** `npx hfstorage` with this clone, whose server takes the free port. */
const npxShim = (port: number): string => `#!/bin/sh
[ "$1" = hfstorage ] || { echo "npx $1 is not in this test" >&2; exit 127; }
shift
hfstorage='${join(root, 'bin', 'hfstorage.js')}'
if [ "$1" = serve ]; then exec '${process.execPath}' "$hfstorage" "$@" --port ${port}; fi
exec '${process.execPath}' "$hfstorage" "$@"
`;

function environmentOf(bin: string): NodeJS.ProcessEnv {
  const {
    HFSTORAGE_CONFIG: _1,
    HFSTORAGE_REMOTE: _5,
    HFSTORAGE_API_TOKEN: _2,
    HFSTORAGE_DEBUG: _3,
    FORCE_COLOR: _4,
    ...env
  } = process.env;
  return { ...env, NO_COLOR: '1', PATH: [bin, process.env.PATH].join(delimiter) };
}

/** Runs all commands in one shell, and returns the output of each block. */
async function runShell(blocks: readonly SessionBlock[], cwd: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const script = blocks.map(({ commands }) => `${commands}\nprintf '\\n%s\\n' '${END_OF_BLOCK}'\n`).join('');
  const shell = spawn('sh', ['-c', `exec 2>&1\n${script}`], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'inherit'],
    timeout: LONGEST_MS,
  });
  const output = await text(shell.stdout);
  return output.split(`\n${END_OF_BLOCK}\n`).slice(0, -1);
}

/** A server started as in the document. */
class DocumentedServer {
  readonly #child: ChildProcess;
  readonly #output: Promise<string>;
  readonly #errors: Promise<string>;

  private constructor(child: ChildProcessByStdio<null, Readable, Readable>) {
    this.#child = child;
    this.#output = text(child.stdout);
    this.#errors = text(child.stderr);
  }

  static async start(commands: string, cwd: string, env: NodeJS.ProcessEnv, port: number) {
    const child = spawn('sh', ['-c', `exec ${commands}`], {
      cwd,
      env,
      stdio: ['ignore', 'pipe', 'pipe'],
      timeout: LONGEST_MS,
    });
    const server = new DocumentedServer(child);
    const isUp = (): Promise<boolean> =>
      fetch(`http://127.0.0.1:${port}/v1/health`).then(
        ({ ok }) => ok,
        () => false,
      );
    while (!(await isUp())) {
      if (child.exitCode !== null) throw new Error(`${commands.trim()} ended: ${await server.#errors}`);
      await sleep(50);
    }
    return server;
  }

  /** Sends Ctrl-C and returns the standard output. */
  async stop(): Promise<string> {
    if (this.#child.exitCode === null) {
      const ended = once(this.#child, 'exit');
      this.#child.kill('SIGINT');
      await ended;
    }
    return this.#output;
  }
}

/**
 * Runs sessions and returns the standard output and standard error of each block. The block that starts the server is
 * separate, like a second terminal.
 */
export async function runSessions(blocks: readonly SessionBlock[]): Promise<SessionResult[]> {
  const folder = await mkdtemp(join(tmpdir(), 'hfstorage-documents-'));
  try {
    const port = await freePort();
    const here = `127.0.0.1:${port}`;
    const [bin, clone] = [join(folder, 'bin'), join(folder, 'clone')];
    await mkdir(bin);
    await writeFile(join(bin, 'npx'), npxShim(port), { mode: 0o755 });
    await cp(join(root, 'examples'), join(clone, 'examples'), { recursive: true });
    const env = environmentOf(bin);
    const serving = blocks.find(({ commands }) => SERVE.test(commands));
    // Manuals need not mention each time that the server must be running.
    const server = await DocumentedServer.start(serving?.commands ?? 'npx hfstorage serve', clone, env, port);
    const typed = blocks
      .filter((block) => block !== serving)
      .map((block) => ({ ...block, commands: block.commands.replaceAll(DOCUMENTED, here) }));
    const outputs = await runShell(typed, clone, env).finally(() => server.stop());
    const served = await server.stop();
    return blocks.map((block) => {
      const output = block === serving ? served : outputs.shift();
      return { block, output: (output ?? '').replaceAll(here, DOCUMENTED) };
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
