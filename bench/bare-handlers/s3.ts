/** A function with the client of S3 and nothing else. */
import {
  GetObjectCommand,
  type GetObjectCommandInput,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';

const client = new S3Client({});

export const handler = async (event: GetObjectCommandInput): Promise<object> => {
  const { ContentLength } = await client.send(new GetObjectCommand(event));
  return { ContentLength, uses: [ListObjectsV2Command.name, PutObjectCommand.name] };
};
