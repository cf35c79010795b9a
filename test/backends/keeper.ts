/**
 * Runs one server for a test run: `keeper.ts OPTIONS COMMAND ARGUMENT…`, where OPTIONS is `KeeperOptions` as JSON. It ends
 * the server when its own standard input closes, which the operating system does when the test run ends, however that
 * happens: so a crashed run leaves no orphan.
 */
import { spawn } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { KeeperOptions } from './kept-process.ts';

const GRACE_MS = 5000;

const [options, command, ...args] = process.argv.slice(2);
const { user, endSignal = 'SIGTERM', folder } = JSON.parse(options as string) as KeeperOptions;
const server = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'inherit'], windowsHide: true, ...user });

function stop(): void {
  server.kill(endSignal);
  setTimeout(() => server.kill('SIGKILL'), GRACE_MS).unref();
}

server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.on('exit', (code) => {
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  process.exit(code ?? 0);
});
// Ctrl-C reaches the whole process group. Without a handler this process would end first, and none would be left to
// end a server that ignores the signal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.stdin.on('close', stop).resume();
