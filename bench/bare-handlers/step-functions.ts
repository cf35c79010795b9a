/** A function with the clients of Step Functions and S3, and nothing else. */
import { GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DescribeExecutionCommand, SFNClient, StartExecutionCommand } from '@aws-sdk/client-sfn';

const client = new SFNClient({});
const objects = new S3Client({});

export const handler = async (event: { stateMachineArn: string; Bucket: string; Key: string }): Promise<object> => {
  await objects.send(new GetObjectCommand(event));
  const started = await client.send(new StartExecutionCommand(event));
  return { started, uses: [DescribeExecutionCommand.name, ListObjectsV2Command.name, PutObjectCommand.name] };
};
