import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { ExecutionEnvironment, type Outcome } from './execution-environment.ts';

let taskRoot: string;
let log = '';
let environment: ExecutionEnvironment | undefined;
beforeAll(async () => {
  taskRoot = await mkdtemp(join(tmpdir(), 'hfstorage-function-'));
});
afterEach(async () => {
  await environment?.stop();
  environment = undefined;
});
afterAll(() => rm(taskRoot, { recursive: true, force: true }));

async function start(code: string, timeoutMs = 100_000): Promise<ExecutionEnvironment> {
  await writeFile(join(taskRoot, 'index.mjs'), code);
  log = '';
  environment = await ExecutionEnvironment.start({
    functionArn: 'arn:aws:lambda:us-east-1:1:function:f',
    taskRoot,
    timeoutMs,
    network: {},
    variables: { _HANDLER: 'index.handler', LAMBDA_TASK_ROOT: taskRoot, GREETING: 'hello' },
    log: (text) => {
      log += text;
    },
  });
  return environment;
}

const parsed = (outcome: Outcome): unknown => ('payload' in outcome ? JSON.parse(outcome.payload) : outcome);

test('a handler gets event, context and variables, and keeps its memory', async () => {
  const running = await start(`
    let calls = 0;
    export const handler = async (event, context) => ({
      event, calls: ++calls, cwd: process.cwd(), home: process.env.HOME, greeting: process.env.GREETING,
      id: typeof context.awsRequestId, left: context.getRemainingTimeInMillis(),
    });`);
  const first = parsed(await running.invoke('{"a":1}')) as { left: number };
  expect(first).toMatchObject({ event: { a: 1 }, calls: 1, cwd: taskRoot, greeting: 'hello', id: 'string' });
  expect(first).not.toHaveProperty('home');
  expect(first.left).toBeGreaterThan(50_000);
  expect(first.left).toBeLessThanOrEqual(100_000);
  expect(parsed(await running.invoke('{}'))).toMatchObject({ calls: 2 });
});

test('it is frozen between invocations', async () => {
  const running = await start(`
    let ticks = 0;
    setInterval(() => { ticks++; }, 10);
    export const handler = async () => ticks;`);
  await running.invoke('{}');
  await sleep(3_000);
  // At most one tick for the elapsed time, which would be 300, and few for the invocations themselves.
  expect(parsed(await running.invoke('{}'))).toBeLessThan(150);
});

test('an error of the handler is the answer, and the next call is served', async () => {
  const running = await start(`
    export const handler = async ({ fail }) => { if (fail) throw new RangeError('no'); return 'yes'; };`);
  const outcome = await running.invoke('{"fail":true}');
  expect(outcome).toMatchObject({ functionError: { errorType: 'RangeError', errorMessage: 'no' } });
  expect(parsed(await running.invoke('{}'))).toBe('yes');
});

test('a handler that takes too long is stopped', async () => {
  const running = await start('export const handler = () => new Promise(() => setTimeout(() => {}, 60_000));', 300);
  expect(await running.invoke('{}')).toMatchObject({ functionError: { errorType: 'Sandbox.Timedout' } });
  expect(running.isDead).toBe(true);
});

test('a process that ends is a failed call', async () => {
  const running = await start('export const handler = () => process.exit(7);');
  expect(await running.invoke('{}')).toMatchObject({ functionError: { errorMessage: 'Runtime exited with status 7' } });
});

test('an answer over 6 MB is refused', async () => {
  const running = await start("export const handler = async () => 'x'.repeat(7_000_000);");
  expect(await running.invoke('{}')).toMatchObject({ functionError: { errorType: 'Function.ResponseSizeTooLarge' } });
});

test('a function that works longer than an idle connection is kept can still answer', async () => {
  const running = await start(`
    export const handler = async () => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 7_000);
      return 'x'.repeat(5_000_000);
    };`);
  expect(parsed(await running.invoke('{}'))).toHaveLength(5_000_000);
});

test('a module that cannot be loaded is reported with its output', async () => {
  await expect(start("import 'a-library-that-no-bundle-has'; export const handler = () => 1;")).rejects.toThrow(
    /a-library-that-no-bundle-has/,
  );
  expect(log).toContain('a-library-that-no-bundle-has');
  await expect(start('export const other = 1;')).rejects.toThrow('index.handler is undefined or not exported');
});
