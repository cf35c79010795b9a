import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { main } from '../../lib/cli/main.ts';
import type { Streams } from '../../lib/cli/output.ts';
import type { ConfigInput } from '../../lib/config/configuration.ts';

export interface Outcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export const launcher = join(import.meta.dirname, '..', '..', 'bin', 'hfstorage.js');
export const sampleFile = join(import.meta.dirname, 'fixtures', 'awsprov_templates.json');

/** A folder with its own store, and `hfstorage` on it. */
export class Workplace {
  readonly folder: string;

  static async create(config?: Partial<ConfigInput['storage']>): Promise<Workplace> {
    const place = new Workplace(await mkdtemp(join(tmpdir(), 'hfstorage-cli-')));
    const storage = { strategy: 'json', json_strategy: { base_path: join(place.folder, 'data') }, ...config };
    await writeFile(place.path('config.json'), JSON.stringify({ storage }));
    return place;
  }

  private constructor(folder: string) {
    this.folder = folder;
  }

  path(...names: string[]): string {
    return join(this.folder, ...names);
  }

  /** Runs `hfstorage` in this process: fast, and included in the coverage. */
  async hfstorage(
    args: readonly string[],
    { input = '', width }: { input?: string | Uint8Array; width?: number } = {},
  ): Promise<Outcome> {
    const stdin = Readable.from([input]);
    const stdout = Object.assign(new PassThrough(), width === undefined ? {} : { isTTY: true, columns: width });
    const stderr = new PassThrough();
    const printed = Promise.all([text(stdout), text(stderr)]);
    const code = await main(['--config', this.path('config.json'), ...args], {
      stdin,
      stdout,
      stderr,
    } as unknown as Streams);
    stdout.end();
    stderr.end();
    const [out, err] = await printed;
    return { code, stdout: out, stderr: err };
  }

  /** Runs `hfstorage` like a user, in a separate process with this folder as the current folder. */
  async spawnHfstorage(args: readonly string[], input = ''): Promise<Outcome> {
    return run(process.execPath, [launcher, ...args], { cwd: this.folder, input });
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true });
  }
}

/** Runs a program to its end. */
export async function run(
  command: string,
  args: readonly string[],
  { cwd, input = '' }: { cwd?: string; input?: string } = {},
): Promise<Outcome> {
  const child = spawn(command, args, { ...(cwd !== undefined && { cwd }), stdio: 'pipe' });
  child.stdin.on('error', () => {}).end(input);
  const code = new Promise<number | null>((resolve, reject) => child.on('error', reject).on('close', resolve));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  return { code: await code, stdout, stderr };
}
