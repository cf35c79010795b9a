/** Servers that tests need: started on a free loopback port, and ended with the test run. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

const READY_WITHIN_MS = 300_000;
const POLL_MS = 50;
const KEEPER = join(import.meta.dirname, 'keeper.ts');

/** How the keeper runs and ends a server. */
export interface KeeperOptions {
  /** The user that runs the server; default: this process's user. */
  readonly user?: { readonly uid: number; readonly gid: number } | undefined;
  /** The signal that ends the server; default: SIGTERM. */
  readonly endSignal?: NodeJS.Signals;
  /** The server's data, removed once it has ended, even if the test run has crashed by then. */
  readonly folder?: string;
}

/** A free port of 127.0.0.1. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No free port on 127.0.0.1.');
  return address.port;
}

const hasEnded = ({ exitCode, signalCode }: ChildProcess): boolean => exitCode !== null || signalCode !== null;

/**
 * Starts a server under a keeper and waits until it answers.
 * @param isReady called repeatedly until it returns true; a throw counts as not ready
 * @returns a function that ends the server
 * @throws Error with the last lines of the server's output if it does not start
 */
export async function startServer(
  command: readonly string[],
  isReady: () => Promise<boolean>,
  options: KeeperOptions = {},
): Promise<() => Promise<void>> {
  const folder = mkdtempSync(join(tmpdir(), 'hfstorage-test-server-'));
  const log = join(folder, 'log.txt');
  const output = openSync(log, 'a');
  const keeper = spawn(process.execPath, [KEEPER, JSON.stringify(options), ...command], {
    stdio: ['pipe', output, output],
    windowsHide: true,
  });
  closeSync(output);
  const stop = async (): Promise<void> => {
    if (!hasEnded(keeper)) {
      const ended = once(keeper, 'exit');
      keeper.stdin?.destroy();
      await ended;
    }
    rmSync(folder, { recursive: true, force: true });
  };
  const deadline = Date.now() + READY_WITHIN_MS;
  while (!(await isReady().catch(() => false))) {
    if (hasEnded(keeper) || Date.now() > deadline) {
      const tail = readFileSync(log, 'utf8').trim().split('\n').slice(-5).join('\n');
      await stop();
      throw new Error(`${command.join(' ')} did not come up:\n${tail}`);
    }
    await sleep(POLL_MS);
  }
  return stop;
}
