/** What CDK makes of a configuration: synthesized once in a run of tests, by a process that all test files share. */
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
  /** Rules of cdk-nag that the app breaks, those with a reason included. */
  readonly broken: readonly string[];
  /** Why rules do not apply, by the rule. */
  readonly reasons: Readonly<Record<string, string>>;
}

/** In the folder of a run: the process that fills it. */
export const PROCESS_FILE = 'process';

const SYNTHESIZER = join(import.meta.dirname, 'synthesizer.ts');
const POLL_MS = 100;

// A worker of Jest has the run for its parent; where there are no workers, this process is the run.
const RUN = process.send === undefined ? process.pid : process.ppid;
/** Outside of this package, so that a function finds no library that its bundle lacks. */
const FOLDER = join(tmpdir(), `hfstorage-assembly-${RUN}`);

/** Whether the process that fills the folder is there. */
export function isAlive(folder: string): boolean {
  try {
    return process.kill(Number(readFileSync(join(folder, PROCESS_FILE), 'utf8')), 0);
  } catch {
    return false;
  }
}

/** Starts a process that fills the folder; one that comes second ends by itself. @throws Error with what it wrote */
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
  // It lives as long as this process does, and must not keep it.
  child.unref();
  for (const stream of [child.stdin, child.stderr]) (stream as Socket).unref();
}

let starting: Promise<void> | undefined;

/** The folder of a configuration's assembly; as long as the run lasts. @throws Error where it cannot be synthesized */
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
    // Once: they are made in the order in which they were asked for.
    if (!existsSync(`${folder}.wanted`)) writeFileSync(`${folder}.wanted`, '');
    await sleep(POLL_MS);
  }
  return folder;
}
