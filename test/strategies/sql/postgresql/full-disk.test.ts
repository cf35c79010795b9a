import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { chown, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import pg from 'pg';
import { startOwnPostgresql } from '../../../backends/postgresql.ts';
import { postgresqlUser } from '../../../backends/postgresql-binaries.ts';
import { template } from '../../../contract/samples.ts';
import { unavailability } from './readable.ts';
import { openStore } from './store-behind-proxy.ts';

// A really full disk needs its own file system, and mounting one requires root on Linux.
const canMount = process.platform === 'linux' && process.getuid?.() === 0;
const onOwnDisk = canMount ? describe : describe.skip;

async function mountDisk(): Promise<AsyncDisposable & { readonly path: string }> {
  const path = await mkdtemp(join(tmpdir(), 'hfstorage-disk-'));
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'tmpfs', path], { stdio: 'pipe' });
  const user = postgresqlUser();
  if (user !== undefined) await chown(path, user.uid, user.gid);
  return {
    path,
    [Symbol.asyncDispose]: async () => {
      execFileSync('umount', ['-l', path]);
      await rm(path, { recursive: true, force: true });
    },
  };
}

onOwnDisk('a server whose tables are on a disk of their own (needs root on Linux)', () => {
  test('a full disk refuses saves with advice, loses nothing acknowledged, and works again once there is space', async () => {
    await using disk = await mountDisk();
    await using resources = new AsyncDisposableStack();
    const server = await startOwnPostgresql();
    resources.defer(() => server.remove());
    const admin = new pg.Client({ connectionString: server.url });
    await admin.connect();
    await admin.query(`CREATE TABLESPACE small LOCATION ${pg.escapeLiteral(disk.path)}`);
    await admin.query('ALTER DATABASE postgres SET default_tablespace = small');
    await admin.end();
    // Owned by another user than the server's: it is not part of the tablespace.
    const filler = join(disk.path, 'filler');
    await writeFile(filler, Buffer.alloc(3_000_000));

    const store = resources.use(await openStore(server.url));
    const acknowledged: string[] = [];
    // The server compresses what it can.
    const large = () => template({ attributes: { filling: randomBytes(100_000).toString('base64') } });
    const save = async (): Promise<void> => {
      acknowledged.push((await store.saveEntity('templates', large())).template_id);
    };
    const saveUntilFull = async (): Promise<never> => {
      for (;;) await save();
    };
    const { message } = await unavailability(saveUntilFull());
    expect(message).toMatch(/Its disk is full\. Free some space/);
    expect(acknowledged.length).toBeGreaterThan(2);
    const together = store.transaction(async (tx) => {
      for (let i = 0; i < 20; i++) await tx.saveEntity('templates', large());
    });
    expect((await unavailability(together)).message).toMatch(/Its disk is full/);
    expect(await store.countEntities('templates')).toEqual({ count: acknowledged.length });

    await rm(filler);
    await save();
    expect((await store.getEntities('templates', acknowledged)).missing).toEqual([]);
  });
});
