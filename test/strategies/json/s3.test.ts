import { randomUUID } from 'node:crypto';
import { DeleteObjectCommand, GetObjectCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { beforeEach, describe, expect, test } from '@jest/globals';
import { type JsonStrategyConfig, jsonStrategy } from '../../../lib/config/json-strategy.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { diagnoseJson } from '../../../lib/strategies/json/doctor.ts';
import { JsonStorageStrategy, openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';
import { ProcessLockManager } from '../../../lib/strategies/json/lock-manager.ts';
import { S3FileManager } from '../../../lib/strategies/json/s3-file-manager.ts';
import { needBackend } from '../../backends/backend.ts';

await needBackend('s3');
const endpoint = process.env.HFSTORAGE_TEST_S3_ENDPOINT as string;
const bucket = process.env.HFSTORAGE_TEST_S3_BUCKET as string;
const newClient = (): S3Client => new S3Client({ endpoint, region: 'us-east-1', forcePathStyle: true });

let prefix: string;
beforeEach(() => {
  prefix = randomUUID();
});

const configure = (settings: object = {}): JsonStrategyConfig =>
  jsonStrategy.parse({ base_path: `s3://${bucket}/${prefix}`, endpoint, region: 'us-east-1', ...settings });
const open = async (config: JsonStrategyConfig): Promise<StorageRepository> =>
  new StorageRepository(await openJsonStrategy(config));

const template = (id: string, filling = 10) => ({
  template_id: id,
  name: id,
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: 1,
  attributes: { filling: 'x'.repeat(filling) },
});

/** A repository with every `n`th write to S3 executed but its answer lost, so that the SDK retries it. */
function losingAnswers(config: JsonStrategyConfig, n: number): StorageRepository {
  const client = newClient();
  let writes = 0;
  client.middlewareStack.add(
    (next, context) => async (args) => {
      const result = await next(args);
      if (context.commandName === 'PutObjectCommand' && ++writes % n === 0) {
        throw Object.assign(new Error('The connection was lost.'), { name: 'TimeoutError', code: 'ECONNRESET' });
      }
      return result;
    },
    // Below the SDK's retries, which are under test.
    { step: 'deserialize', priority: 'low' },
  );
  const files = new S3FileManager(client, bucket, prefix);
  return new StorageRepository(new JsonStorageStrategy(config, files, new ProcessLockManager()));
}

describe.each(['single_file', 'split_files'])('several processes on one store on S3: %s', (storage_type) => {
  test('lose no save while all of them compact', async () => {
    const config = configure({ storage_type });
    const repositories = await Promise.all([0, 1, 2, 3].map(() => open(config)));
    // Eight saves of this size are enough for a compaction.
    const saveAll = async (repository: StorageRepository, r: number): Promise<void> => {
      for (let i = 0; i < 9; i++) await repository.saveEntity('templates', template(`${r}-${i}`, 20_000));
    };
    await Promise.all(repositories.map(saveAll));
    for (const repository of repositories) expect(await repository.countEntities('templates')).toEqual({ count: 36 });
    await Promise.all(repositories.map((repository) => repository.close()));
    await using repository = await open(config);
    expect(await repository.countEntities('templates')).toEqual({ count: 36 });
  });

  test('count exactly', async () => {
    const config = configure({ storage_type });
    const repositories = await Promise.all([0, 1, 2].map(() => open(config)));
    const increment = (repository: StorageRepository): Promise<unknown> =>
      repository.transaction(async (tx) => {
        const counter = await tx.getEntity('templates', 'counter');
        await tx.saveEntity('templates', { ...template('counter'), count: Number(counter?.count ?? 0) + 1 });
      });
    await Promise.all(
      repositories.map(async (repository) => {
        for (let i = 0; i < 6; i++) await increment(repository);
      }),
    );
    await using repository = await open(config);
    expect(await repository.getEntity('templates', 'counter')).toMatchObject({ count: 18, version: 18 });
    await Promise.all(repositories.map((other) => other.close()));
  });
});

test('a write whose answer was lost is neither doubled nor reported as a conflict', async () => {
  const config = configure();
  const repository = losingAnswers(config, 2);
  for (let i = 0; i < 12; i++) {
    const expectedVersion = i;
    expect((await repository.saveEntity('templates', template('t', 20_000), { expectedVersion })).version).toBe(i + 1);
  }
  await repository.close();
  await using reopened = await open(config);
  expect(await reopened.getEntity('templates', 't')).toMatchObject({ version: 12 });
});

test('a missing bucket is a configuration error', async () => {
  await expect(open(configure({ base_path: `s3://no-such-bucket-${prefix}/x` }))).rejects.toMatchObject({
    code: 'configuration_invalid',
    message: expect.stringContaining('base_path'),
  });
});

test('a server that cannot be reached is unavailable, and the call may be retried', async () => {
  await expect(open(configure({ endpoint: 'http://127.0.0.1:1' }))).rejects.toMatchObject({
    code: 'storage_unavailable',
    retryable: true,
  });
});

test('refused access says which permissions are needed', async () => {
  const client = newClient();
  client.middlewareStack.add(
    () => async () => {
      throw Object.assign(new Error('Forbidden'), { name: 'AccessDenied', $metadata: { httpStatusCode: 403 } });
    },
    { step: 'deserialize' },
  );
  const files = new S3FileManager(client, bucket, prefix);
  await expect(files.read('request_database.json')).rejects.toThrow('s3:GetObject');
});

test('a damaged object is refused, not changed and rebuilt without loss', async () => {
  const config = configure();
  for (const id of ['a', 'b', 'c']) {
    await using repository = await open(config);
    await repository.saveEntity('templates', template(id));
  }
  const client = newClient();
  const object = { Bucket: bucket, Key: `${prefix}/request_database.json` };
  await client.send(new PutObjectCommand({ ...object, Body: '{"templates": {' }));
  const repository = await open(config);
  await expect(repository.getEntity('templates', 'a')).rejects.toMatchObject({ code: 'storage_damaged' });
  await repository.close();
  const { Body } = await client.send(new GetObjectCommand(object));
  expect(await Body?.transformToString()).toBe('{"templates": {');
  const findings = await Array.fromAsync(diagnoseJson(config, { repair: true }));
  expect(findings.some(({ level }) => level === 'error')).toBe(true);
  // The repaired store is as well protected as before.
  await client.send(new DeleteObjectCommand(object));
  client.destroy();
  const again = await Array.fromAsync(diagnoseJson(config, { repair: true }));
  expect(again.filter(({ loss }) => loss === true)).toEqual([]);
  await using repaired = await open(config);
  expect((await repaired.getEntities('templates', ['a', 'b', 'c'])).missing).toEqual([]);
});
