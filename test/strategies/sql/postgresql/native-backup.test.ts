/** `pg_dump`: how it is called, and, if a compatible one is installed, that its dump can be restored. */
import { execFile, spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chmod, chown, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { parseConfig } from '../../../../lib/config/parse-config.ts';
import type { Entity } from '../../../../lib/model/entities.ts';
import { BackupError } from '../../../../lib/repository/errors.ts';
import { copyNatively } from '../../../../lib/strategies/native-backup.ts';
import { openRepository } from '../../../../lib/strategies/open-repository.ts';
import { freePort, startServer } from '../../../backends/kept-process.ts';
import { postgresqlUser } from '../../../backends/postgresql-binaries.ts';
import { contentOf } from '../../../backup/locations.ts';
import { rejection } from '../../../contract/rejection.ts';
import { type OpenStore, type StoreFactory, stores } from '../../../contract/stores.ts';
import { awkwardEntities, loadAll } from '../../../migration/awkward-entities.ts';

const postgresql = stores.find(({ name }) => name === 'postgresql') as StoreFactory;

let folder: string;
let store: OpenStore;
let path: string | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-dump-'));
  store = await postgresql.open();
  path = process.env.PATH;
});
afterEach(async () => {
  process.env.PATH = path;
  await store.close();
  await rm(folder, { recursive: true, force: true });
});

const settingsOf = ({ config }: OpenStore) => config.storage?.sql_strategy ?? {};

async function dump(more: object = {}, signal?: AbortSignal) {
  const sql_strategy = { ...settingsOf(store), ...more };
  const config = parseConfig({ storage: { strategy: 'sql', sql_strategy } });
  const target = join(folder, 'backup');
  await mkdir(target, { recursive: true });
  return copyNatively(config, { folder: target, id: 'x', signal });
}

/** A fake `pg_dump` on the PATH that records how it was called. */
async function standIn(version: string, body = ''): Promise<void> {
  const script = `#!/bin/sh
if [ "$1" = --version ]; then echo "pg_dump (PostgreSQL) ${version}"; exit 0; fi
printf '%s\\n' "$@" > '${folder}/arguments'
env > '${folder}/environment'
if [ -n "$PGSSLROOTCERT" ]; then cp "$PGSSLROOTCERT" '${folder}/ca.pem'; fi
for argument; do case "$argument" in --file=*) echo dump > "\${argument#--file=}";; esac; done
${body}
`;
  await writeFile(join(folder, 'pg_dump'), script, { mode: 0o755 });
  process.env.PATH = [folder, path].join(delimiter);
}

async function environment(): Promise<Readonly<Record<string, string>>> {
  const lines = (await readFile(join(folder, 'environment'), 'utf8')).split('\n');
  return Object.fromEntries(lines.filter((line) => line.startsWith('PG')).map((line) => line.split(/=(.*)/s)));
}

describe('with a pg_dump that only records how it is called', () => {
  test('the database, the login and the encryption are passed in the environment, never on the command line', async () => {
    process.env.PGHOST = 'elsewhere.example.com';
    process.env.PGOPTIONS = '-c search_path=other';
    try {
      await standIn('18.4');
      const { name, host, port, username, password } = settingsOf(store);
      expect(await dump()).toEqual({ files: [`${name}.dump`], consistent: true });
      const given = await readFile(join(folder, 'arguments'), 'utf8');
      expect(given).toBe(`--format=custom\n--no-password\n--file=${join(folder, 'backup', `${name}.dump`)}\n`);
      expect(await environment()).toMatchObject({
        PGHOST: host,
        PGPORT: String(port),
        PGDATABASE: name,
        PGUSER: username,
        PGPASSWORD: password,
        PGSSLMODE: 'disable',
      });
      expect(Object.keys(await environment())).not.toContain('PGOPTIONS');
    } finally {
      delete process.env.PGHOST;
      delete process.env.PGOPTIONS;
    }
  });

  test('its error is reported in one line, without the rest of its output', async () => {
    await standIn('18.4', 'echo "pg_dump: error: query failed: ERROR:  permission denied for table x" >&2; exit 1');
    expect((await rejection(dump())).message).toBe(
      'pg_dump failed: query failed: ERROR:  permission denied for table x',
    );
  });

  test('it is stopped together with the backup', async () => {
    await standIn('18.4', 'exec sleep 60');
    const stop = new AbortController();
    const stopped = dump({}, stop.signal);
    setTimeout(() => stop.abort(new Error('stopped by the test')), 300);
    await expect(stopped).rejects.toThrow('stopped by the test');
  });
});

describe('obstacles are reported with a remedy', () => {
  test('no pg_dump', async () => {
    process.env.PATH = folder;
    const error = await rejection(dump());
    expect(error).toBeInstanceOf(BackupError);
    expect(error.message).toMatch(
      /^pg_dump is not on the PATH\. Install .* or take a portable backup, without --native\.$/,
    );
  });

  test('one older than the server', async () => {
    await standIn('12.3 (Debian 12.3-1)');
    expect((await rejection(dump())).message).toMatch(
      /^pg_dump on this machine is version 12, but the server is version \d+: pg_dump must not be older\. Install the client programs of PostgreSQL \d+, /,
    );
  });

  test('a wrong password', async () => {
    await standIn('18.4');
    expect(await rejection(dump({ password: 'wrong' }))).toMatchObject({ code: 'configuration_invalid' });
  });
});

/** Programs of an installed PostgreSQL with its client programs, as on Debian. */
async function installed(): Promise<string | undefined> {
  const root = '/usr/lib/postgresql';
  const versions = await readdir(root).catch((): string[] => []);
  const folders = versions.sort().map((version) => join(root, version, 'bin'));
  const complete = (bin: string): boolean =>
    ['initdb', 'postgres', 'pg_dump', 'pg_restore'].every(
      (name) => spawnSync(join(bin, name), ['--version']).status === 0,
    );
  return folders.findLast(complete);
}

const bin = await installed();
const testReal = bin === undefined ? test.skip : test;

testReal(
  'the real one: its dump is restored into another database (needs PostgreSQL with its client programs)',
  async () => {
    const user = postgresqlUser();
    const data = await mkdtemp(join(tmpdir(), 'hfstorage-test-pg-'));
    const password = randomBytes(8).toString('hex');
    await writeFile(join(data, 'password'), password);
    await chmod(data, 0o755);
    if (user !== undefined) for (const name of [data, join(data, 'password')]) await chown(name, user.uid, user.gid);
    const program = (name: string): string => join(bin as string, name);
    const execute = promisify(execFile);
    const who = [
      '--username=hfstorage',
      `--pwfile=${join(data, 'password')}`,
      '--auth=scram-sha-256',
      '--encoding=UTF8',
      '--locale=C',
    ];
    await execute(program('initdb'), ['-D', join(data, 'cluster'), ...who, '--no-sync'], { ...user, cwd: data });
    const port = await freePort();
    const login = { type: 'postgresql' as const, host: '127.0.0.1', port, username: 'hfstorage', password };
    const storage = (name: string) => ({ strategy: 'sql' as const, sql_strategy: { ...login, name } });
    const env = { ...process.env, PGHOST: '127.0.0.1', PGPORT: `${port}`, PGUSER: 'hfstorage', PGPASSWORD: password };
    const answers = async (): Promise<boolean> =>
      spawnSync(program('psql'), ['-c', 'SELECT 1', 'postgres'], { env }).status === 0;
    const options = [
      '-D',
      join(data, 'cluster'),
      '-p',
      `${port}`,
      '-c',
      'listen_addresses=127.0.0.1',
      '-c',
      'unix_socket_directories=',
    ];
    const stop = await startServer([program('postgres'), ...options, '-c', 'fsync=off'], answers, {
      user,
      endSignal: 'SIGINT',
      folder: data,
    });
    try {
      process.env.PATH = [dirname(program('pg_dump')), path].join(delimiter);
      for (const name of ['of the store', 'restored']) await execute(program('createdb'), [name], { env });
      await using repository = await openRepository({ storage: storage('of the store') });
      await loadAll(repository.strategy, awkwardEntities(500));
      await mkdir(join(folder, 'backup'));
      const config = parseConfig({ storage: storage('of the store') });
      expect(await copyNatively(config, { folder: join(folder, 'backup'), id: 'x' })).toEqual({
        files: ['of_the_store.dump'],
        consistent: true,
      });
      await execute(
        program('pg_restore'),
        ['--dbname=restored', '--exit-on-error', join(folder, 'backup', 'of_the_store.dump')],
        {
          env,
        },
      );
      await using restored = await openRepository({ storage: storage('restored') });
      expect(await contentOf(restored.strategy)).toEqual(await contentOf(repository.strategy));
      const before: Entity[] = (await repository.strategy.scan('machines', { segment: 0, segments: 1, limit: 1 }))
        .items;
      expect(before).toHaveLength(1);
    } finally {
      await stop();
    }
  },
);
