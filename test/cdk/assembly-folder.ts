/** The assembly of a configuration: synthesized once per test run, by a process that all test files share. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Variant } from './variants.ts';

export const shipped = ['dax', 'dev', 'json', 'prod', 'sql'] as const;

export type Shipped = (typeof shipped)[number];
export type Synthesized = Shipped | Variant;

/** In the folder of each configuration. */
export const RULES_FILE = 'rules.json';

export interface Rules {
  /** Rules of cdk-nag that the app breaks, including those with a reason. */
  readonly broken: readonly string[];
  /** Reasons why rules do not apply, by rule. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** In the folder of a run: the process that fills it. */
export const PROCESS_FILE = 'process';

const SYNTHESIZER = join(import.meta.dirname, 'synthesizer.ts');
const POLL_MS = 100;

// The parent of a Jest worker is the run; without workers, this process is the run.
const RUN = process.send === undefined ? process.pid : process.ppid;
/** Outside this package, so that a function cannot find a library missing from its bundle. */
const FOLDER = join(tmpdir(), `hfstorage-assembly-${RUN}`);

/** Whether the process that fills the folder is running. */
export function isAlive(folder: string): boolean {
  try {
    return process.kill(Number(readFileSync(join(folder, PROCESS_FILE), 'utf8')), 0);
  } catch {
    return false;
  }
}

/** Starts a process that fills the folder; a second one ends on its own. @throws Error with its output */
async function startSynthesizer(): Promise<void> {
  const child = spawn(process.execPath, [SYNTHESIZER, FOLDER], { stdio: ['pipe', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    output += text;
  });
  const ended = once(child, 'exit');
  while (!isAlive(FOLDER)) {
    const [code] = (await Promise.race([ended, sleep(POLL_MS)])) ?? [];
    if (code) throw new Error(`${SYNTHESIZER} failed:\n${output}`);
  }
  // It lives as long as this process, but must not keep it alive.
  child.unref();
  for (const stream of [child.stdin, child.stderr]) (stream as Socket).unref();
}

let starting: Promise<void> | undefined;

/** The folder of a configuration's assembly, which lasts for the run. @throws Error if it cannot be synthesized */
export async function assemblyFolder(name: Synthesized): Promise<string> {
  const folder = join(FOLDER, name);
  while (!existsSync(folder)) {
    if (existsSync(`${folder}.failed`)) throw new Error(readFileSync(`${folder}.failed`, 'utf8'));
    if (!isAlive(FOLDER)) {
      starting ??= startSynthesizer().finally(() => {
        starting = undefined;
      });
      await starting;
    }
    // Requested once: they are synthesized in the order of the requests.
    if (!existsSync(`${folder}.wanted`)) writeFileSync(`${folder}.wanted`, '');
    await sleep(POLL_MS);
  }
  return folder;
}
