/** `hfstorage serve` in a folder of its own, with a JSON store, and a SQLite file to migrate to. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { openRepository } from '../../lib/strategies/open-repository.ts';
import { RunLock } from '../../lib/transfer/run-lock.ts';
import { freePort } from '../backends/kept-process.ts';
import { launcher } from '../cli/run-hfstorage.ts';
import { type Body, callServer, type Reply, template } from './running-api.ts';

export class JobServer implements AsyncDisposable {
  readonly folder: string;
  port: number;
  process: ChildProcess | undefined;

  private constructor(folder: string, port: number) {
    this.folder = folder;
    this.port = port;
  }

  /** Makes the folder, with a configuration; starts nothing. */
  static async create(): Promise<JobServer> {
    const server = new JobServer(await mkdtemp(join(tmpdir(), 'hfstorage-jobs-')), await freePort());
    const location = join(server.folder, 'backups');
    const migration = {
      batch_size: 1,
      parallel_workers: 1,
      backup_location: location,
      state_location: server.stateFolder,
    };
    const config = { storage: server.storage, migration, backup: { location } };
    await writeFile(join(server.folder, 'config.json'), JSON.stringify(config));
    return server;
  }

  get storage() {
    return {
      strategy: 'json' as const,
      json_strategy: { base_path: join(this.folder, 'data') },
      sql_strategy: { name: join(this.folder, 'store.db') },
    };
  }

  get stateFolder(): string {
    return join(this.folder, 'state');
  }

  async serve(): Promise<void> {
    const args = [launcher, '--config', join(this.folder, 'config.json'), 'serve', '--port', String(this.port)];
    this.process = spawn(process.execPath, args, { cwd: this.folder, stdio: 'ignore' });
    const isUp = () =>
      this.call('GET', '/v1/health')
        .then(({ status }) => status === 200)
        .catch(() => false);
    while (!(await isUp())) await sleep(50);
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const ended = once(this.process as ChildProcess, 'exit');
    this.process?.kill(signal);
    await ended;
    this.process = undefined;
  }

  call(method: string, path: string, body?: object): Promise<Reply> {
    return callServer(this.port, method, path, body === undefined ? {} : { body: body as Body });
  }

  /** Stores so many templates. */
  async fill(count: number): Promise<void> {
    await using repository = await openRepository({ storage: this.storage });
    for (let at = 0; at < count; at += 1000) {
      const ids = Array.from({ length: Math.min(1000, count - at) }, (_, i) => `t-${at + i}`);
      await repository.saveEntities(
        'templates',
        ids.map((id) => ({ ...template(), template_id: id }) as never),
      );
    }
  }

  /** Ends the server, waits until no process holds the lock of a job, since these may outlive it, and removes the folder. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.process?.kill('SIGKILL');
    const locks = join(this.stateFolder, 'locks');
    for (const name of await readdir(locks).catch(() => [])) {
      while (RunLock.isHeld(locks, name.slice(0, -'.lock'.length))) await sleep(50);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
