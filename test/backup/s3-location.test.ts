/** Backups in a bucket. */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { DamagedBackupError } from '../../lib/backup/damage.ts';
import { findBackup } from '../../lib/backup/find-backup.ts';
import { listBackups } from '../../lib/backup/list-backups.ts';
import { createNativeBackup } from '../../lib/backup/native-backups.ts';
import { pruneBackups } from '../../lib/backup/prune-backups.ts';
import { verifyBackup } from '../../lib/backup/read-backup.ts';
import type { Location } from '../../lib/objects/location.ts';
import { openLocation } from '../../lib/objects/open-location.ts';
import { BackupError } from '../../lib/repository/errors.ts';
import { needBackend } from '../backends/backend.ts';
import { freePort } from '../backends/kept-process.ts';
import { rejection } from '../contract/rejection.ts';
import { type StoreFactory, stores } from '../contract/stores.ts';
import { awkwardEntities, loadAll } from '../migration/awkward-entities.ts';
import { backUp, contentOf, restore } from './locations.ts';

await needBackend('s3');
const { HFSTORAGE_TEST_S3_ENDPOINT: endpoint, HFSTORAGE_TEST_S3_BUCKET: Bucket } = process.env as Record<
  string,
  string
>;
const settings = { endpoint, region: 'us-east-1' };
const sqlite = stores.find(({ name }) => name === 'sqlite') as StoreFactory;
const client = new S3Client({ ...settings, endpoint: endpoint as string, forcePathStyle: true });
afterAll(() => client.destroy());

let prefix: string;
let location: Location;
beforeEach(async () => {
  prefix = randomUUID();
  location = await openLocation(`s3://${Bucket}/${prefix}`, settings);
});

test('a backup is written, listed, verified, restored and pruned', async () => {
  await using source = await sqlite.open();
  await loadAll(source.strategy, awkwardEntities(500));
  const first = await backUp(source.strategy, location);
  const second = await backUp(source.strategy, location);
  for (const Key of [`${prefix}/notes.txt`, `${prefix}/web/manifest.json`, `${prefix}x/${first.id}/manifest.json`]) {
    await client.send(new PutObjectCommand({ Bucket, Key, Body: '{}' }));
  }
  expect((await listBackups(location)).map(({ id, state }) => [id, state])).toEqual([
    [first.id, 'complete'],
    [second.id, 'complete'],
  ]);
  await verifyBackup(location, first);
  await using target = await sqlite.open();
  await restore(target.strategy, { location, manifest: await findBackup(location, 'latest') });
  expect(await contentOf(target.strategy)).toEqual(await contentOf(source.strategy));
  const retention = { keep_last: 1, keep_daily: 0, keep_weekly: 0, keep_monthly: 0 };
  expect((await pruneBackups(location, retention)).remove).toMatchObject([{ id: first.id }]);
  expect((await listBackups(location)).map(({ id }) => id)).toEqual([second.id]);
  expect(await location.list(first.id)).toEqual([]);
  await client.send(new GetObjectCommand({ Bucket, Key: `${prefix}/notes.txt` }));
});

test('damage is found', async () => {
  await using source = await sqlite.open();
  await loadAll(source.strategy, awkwardEntities(300));
  const manifest = await backUp(source.strategy, location);
  const { file, bytes } = manifest.collections.machines.parts[0] as { file: string; bytes: number };
  await location.write(`${manifest.id}/${file}`, Buffer.alloc(bytes));
  expect(await rejection(verifyBackup(location, manifest))).toBeInstanceOf(DamagedBackupError);
  await location.remove([`${manifest.id}/${file}`]);
  expect(await listBackups(location)).toMatchObject([{ state: 'damaged' }]);
});

test('the root of a bucket, with and without a slash, is a location too', async () => {
  for (const text of [`s3://${Bucket}`, `s3://${Bucket}/`]) {
    const root = await openLocation(text, settings);
    const id = `root-${randomUUID()}`;
    await root.write(`${id}/file`, Buffer.from('x'));
    expect(await root.list(id)).toMatchObject([{ name: `${id}/file`, bytes: 1 }]);
    await root.remove([`${id}/file`]);
    expect(await root.list(id)).toEqual([]);
  }
});

describe('what goes wrong is said with what to do', () => {
  test('no bucket', async () => {
    await using source = await sqlite.open();
    const nowhere = await openLocation('s3://there-is-no-such-bucket/backups', settings);
    for (const use of [() => backUp(source.strategy, nowhere), () => listBackups(nowhere)]) {
      const error = await rejection(use());
      expect(error).toBeInstanceOf(BackupError);
      expect(error.message).toMatch(
        /^Cannot (write|list|read) s3:\/\/there-is-no-such-bucket\/.*There is no such bucket: create it, or correct the location\.$/,
      );
    }
  });

  test.each([
    [
      'AccessDenied',
      403,
      'Access is denied: give this role s3:GetObject, s3:PutObject, s3:DeleteObject and s3:ListBucket there.',
    ],
    ['ExpiredToken', 400, 'The AWS credentials have expired: renew them.'],
    ['PermanentRedirect', 301, 'The bucket is in another region: set backup.region.'],
  ])('%s, as S3 answers it', async (code, status, advice) => {
    const server = createServer((request, response) => {
      request.resume();
      response.writeHead(status, { 'content-type': 'application/xml' });
      response.end(`<?xml version="1.0"?><Error><Code>${code}</Code><Message>As S3 says it</Message></Error>`);
    });
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    try {
      const refused = await openLocation('s3://bucket/backups', { ...settings, endpoint: `http://127.0.0.1:${port}` });
      const uses = [
        () => refused.list(''),
        () => refused.read('x/manifest.json'),
        () => refused.write('x/y', new Uint8Array(1)),
        () => refused.remove(['x/y']),
      ];
      for (const use of uses) {
        const error = await rejection(use());
        expect(error).toBeInstanceOf(BackupError);
        expect(error.message).toContain(advice);
      }
    } finally {
      server.close();
      server.closeAllConnections();
    }
  });

  test('nobody listens there', async () => {
    const dead = await openLocation('s3://bucket/backups', {
      ...settings,
      endpoint: `http://127.0.0.1:${await freePort()}`,
    });
    const error = await rejection(dead.list(''));
    expect(error).toBeInstanceOf(BackupError);
    expect(error.message).toMatch(/^Cannot list s3:\/\/bucket\/backups\/\. .*ECONNREFUSED/);
  });

  test('a native backup, which is files', async () => {
    const native = createNativeBackup({
      location,
      store: 'sqlite',
      place: 'the store of a test',
      copy: async () => ({ files: [], consistent: true }),
    });
    expect((await rejection(native)).message).toContain('Native backups are files of this machine: name a folder');
  });
});
