/** A fake SNS for the functions: records published messages. */
import { type HttpService, serve } from './http-service.ts';

export interface Message {
  readonly topic: string;
  readonly subject: string;
  readonly text: string;
}

export interface Topic extends HttpService {
  readonly messages: readonly Message[];
}

const ANSWER =
  '<PublishResponse xmlns="http://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>';

export async function startTopic(): Promise<Topic> {
  const messages: Message[] = [];
  const service = await serve(({ body }) => {
    const form = new URLSearchParams(body);
    messages.push({
      topic: form.get('TopicArn') ?? '',
      subject: form.get('Subject') ?? '',
      text: form.get('Message') ?? '',
    });
    return { type: 'text/xml', body: ANSWER };
  });
  return { ...service, messages };
}
