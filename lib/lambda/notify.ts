import { PublishCommand, SNSClient } from '@aws-sdk/client-sns';

let client: SNSClient | undefined;

/** SNS: 100 characters in a subject, without line breaks. */
const MAX_SUBJECT = 100;

/** Tells the operators, by the topic that HFSTORAGE_TOPIC_ARN names. Without one nobody is told. */
export async function notify(subject: string, message: string): Promise<void> {
  const { HFSTORAGE_TOPIC_ARN: TopicArn } = process.env;
  if (TopicArn === undefined) return;
  client ??= new SNSClient({});
  const Subject = subject.replace(/\s+/g, ' ').slice(0, MAX_SUBJECT);
  await client.send(new PublishCommand({ TopicArn, Subject, Message: message }));
}
