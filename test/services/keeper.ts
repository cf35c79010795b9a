/**
 * Runs one server for a test run: `keeper.ts COMMAND ARGUMENT…`. It ends the server when its own standard input closes,
 * which the operating system does when the test run ends, however that happens: so a crashed run leaves no orphan.
 */
import { spawn } from 'node:child_process';

const GRACE_MS = 3000;

const [command, ...args] = process.argv.slice(2);
const server = spawn(command as string, args, { stdio: ['ignore', 'inherit', 'inherit'], windowsHide: true });

function stop(): void {
  server.kill();
  setTimeout(() => server.kill('SIGKILL'), GRACE_MS).unref();
}

server.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
server.on('exit', (code) => process.exit(code ?? 0));
// Ctrl-C reaches the whole process group. Without a handler this process would go first, and nobody would be left to
// end a server that ignores the signal.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
process.stdin.on('close', stop).resume();
