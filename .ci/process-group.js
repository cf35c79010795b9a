// Runs a command in a process group of its own: `process-group.js COMMAND ARGUMENT…`. When the command ends, or when this
// process's standard input closes because whoever started it is gone, nothing of the group is left: not what the tests have
// stopped by SIGSTOP, and not what a killed Jest could end no more.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

// The keepers of servers end them and remove their data.
const GRACE_MS = 10_000;
const POLL_MS = 50;
const windows = process.platform === 'win32';

const [program, ...args] = process.argv.slice(2);
// Windows has no process groups, and a detached process there has a window of its own.
const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: !windows });

/** Sends a signal to all that is left, 0 for none. @returns whether anything is left */
function signal(name) {
  try {
    process.kill(-child.pid, name);
    return true;
  } catch (error) {
    // macOS says EPERM of a group whose only members are ending.
    return error.code !== 'ESRCH' && error.code !== 'EPERM';
  }
}

async function endGroup() {
  if (windows) {
    spawnSync('taskkill', ['/pid', `${child.pid}`, '/t', '/f'], { stdio: 'ignore' });
    return;
  }
  signal('SIGTERM');
  // What is stopped takes the signal only now.
  signal('SIGCONT');
  for (const end = Date.now() + GRACE_MS; signal(0) && Date.now() < end; ) await sleep(POLL_MS);
  signal('SIGKILL');
}

// Ctrl-C reaches this process too; what happens then is up to the one that started it.
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
