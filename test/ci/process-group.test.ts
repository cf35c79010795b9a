/** However a test run ends, no process of it is left, not even a stopped one or one that ignores signals. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from '@jest/globals';

const GROUP = join(import.meta.dirname, '../../.ci/process-group.js');

/** Starts three processes and prints their ids: a running one, a stopped one, and one that may ignore SIGTERM. */
const runOf = (deaf: boolean): string => `
import { spawn } from 'node:child_process';
import { once } from 'node:events';
const start = async (code) => {
  const child = spawn(process.execPath, ['-e', code + '; setInterval(() => {}, 1000); console.log("up")'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  return child.pid;
};
const pids = [process.pid, await start(''), await start(''), await start('${deaf ? 'process.on("SIGTERM", () => {})' : ''}')];
process.kill(pids[2], 'SIGSTOP');
process.on('SIGUSR2', () => process.exit(3));
console.log(JSON.stringify(pids));
setInterval(() => {}, 1000);
`;

const isThere = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

async function start(deaf: boolean): Promise<{ group: ChildProcess; pids: number[] }> {
  const args = [GROUP, process.execPath, '--input-type=module', '-e', runOf(deaf)];
  const group = spawn(process.execPath, args, { stdio: ['pipe', 'pipe', 'inherit'] });
  const [line] = (await once(createInterface(group.stdout), 'line')) as [string];
  return { group, pids: JSON.parse(line) as number[] };
}

const ends: [string, number, (group: ChildProcess, run: number) => void, boolean?][] = [
  ['its parent ends', 1, ({ stdin }) => stdin?.destroy(), true],
  ['Jest ends on its own', 3, (_, run) => process.kill(run, 'SIGUSR2')],
  ['Jest is killed', 1, (_, run) => process.kill(run, 'SIGKILL')],
];
// Windows has no such signals.
const testSignals = process.platform === 'win32' ? test.skip : test;
testSignals.each(ends)('%s: nothing is left', async (_, status, end, deaf = false) => {
  const { group, pids } = await start(deaf);
  expect(pids.map(isThere)).toEqual([true, true, true, true]);
  const ended = once(group, 'exit');
  end(group, pids[0] as number);
  expect((await ended)[0]).toBe(status);
  // A dead process remains until its new parent has reaped it.
  while (pids.some(isThere)) await sleep(20);
});
