// Runs a command in its own process group: `process-group.js COMMAND ARGUMENT…`. When the command ends, or when standard
// input closes because the parent process is gone, the whole group is ended, including processes that tests have stopped
// with SIGSTOP and those that a killed Jest could no longer end.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

// Time for the processes that own test servers to end them and remove their data.
const GRACE_MS = 10_000;
const POLL_MS = 50;
const windows = process.platform === 'win32';

const [program, ...args] = process.argv.slice(2);
// Windows has no process groups, and a detached process there gets its own window.
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: !windows });

/** Sends a signal (0: none) to the remaining processes. @returns whether any remain */
function signal(name) {
  try {
    process.kill(-child.pid, name);
    return true;
  } catch (error) {
    // macOS reports EPERM for a group whose only members are ending.
    return error.code !== 'ESRCH' && error.code !== 'EPERM';
  }
}

async function endGroup() {
  if (windows) {
    spawnSync('taskkill', ['/pid', `${child.pid}`, '/t', '/f'], { stdio: 'ignore' });
    return;
  }
  signal('SIGTERM');
  // Stopped processes receive the signal only now.
  signal('SIGCONT');
  for (const end = Date.now() + GRACE_MS; signal(0) && Date.now() < end; ) await sleep(POLL_MS);
  signal('SIGKILL');
}

// Ctrl-C reaches this process too; the parent process decides what to do.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(name, () => {});
child.on('error', (error) => {
  console.error(error.message);
  process.exit(1);
});
const ended = once(child, 'exit');
const abandoned = once(process.stdin.resume(), 'close');
await Promise.race([ended, abandoned]);
await endGroup();
const [status, signalCode] = await ended;
if (signalCode !== null) console.error(`Ended by ${signalCode}.`);
process.exit(status ?? 1);
