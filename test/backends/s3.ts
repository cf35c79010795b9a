/** The S3 server of the tests: moto_server, or the one that HFSTORAGE_TEST_S3_ENDPOINT names. */
import { randomUUID } from 'node:crypto';
import {
  CreateBucketCommand,
  DeleteBucketCommand,
  DeleteObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { freePort, startServer } from './kept-process.ts';
import { findMoto } from './moto.ts';
import { type OneWriteProxy, startProxy } from './one-write-at-a-time.ts';
import type { Service } from './service.ts';

const answers = async (endpoint: string): Promise<boolean> => (await fetch(endpoint)).status < 500;

/** Some S3 servers silently ignore conditions on writes; on those, every test of the S3 stores would be worthless. */
async function requireConditionalWrites(client: S3Client, Bucket: string): Promise<void> {
  const put = new PutObjectCommand({ Bucket, Key: 'probe', Body: '1', IfNoneMatch: '*' });
  await client.send(put);
  const refused = await client.send(put).then(
    () => false,
    () => true,
  );
  if (!refused) throw new Error('it ignores If-None-Match. Use moto_server 5.2.1 or newer.');
}

async function removeBucket(client: S3Client, Bucket: string): Promise<void> {
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket })) {
    for (const { Key } of Contents) await client.send(new DeleteObjectCommand({ Bucket, Key }));
  }
  await client.send(new DeleteBucketCommand({ Bucket }));
}

/** Sets HFSTORAGE_TEST_S3_ENDPOINT and HFSTORAGE_TEST_S3_BUCKET: a bucket of this run. */
export async function startS3(): Promise<Service> {
  const given = process.env.HFSTORAGE_TEST_S3_ENDPOINT;
  const port = given === undefined ? await freePort() : 0;
  const stopServer =
    given === undefined
      ? await startServer([findMoto(), '-H', '127.0.0.1', '-p', `${port}`], () => answers(`http://127.0.0.1:${port}`))
      : undefined;
  const proxy = given === undefined ? await startProxy(port) : undefined;
  const endpoint = given ?? (proxy as OneWriteProxy).endpoint;
  const client = new S3Client({
    endpoint,
    region: process.env.AWS_REGION ?? 'us-east-1',
    forcePathStyle: true,
  });
  const bucket = `hfstorage-test-${randomUUID()}`;
  try {
    await client.send(new CreateBucketCommand({ Bucket: bucket }));
    await requireConditionalWrites(client, bucket);
  } catch (error) {
    client.destroy();
    await proxy?.stop();
    await stopServer?.();
    throw new Error(`The S3 server at ${endpoint} cannot be used for tests: ${(error as Error).message}`);
  }
  return {
    environment: { HFSTORAGE_TEST_S3_ENDPOINT: endpoint, HFSTORAGE_TEST_S3_BUCKET: bucket },
    stop: async () => {
      if (stopServer === undefined) await removeBucket(client, bucket);
      client.destroy();
      await proxy?.stop();
      await stopServer?.();
    },
  };
}
