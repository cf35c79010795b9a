/**
 * The SDK retries a request whose answer was lost, although the first attempt may have been executed. If the condition of
 * the retried write then fails, the write itself may be the cause. This records for which requests that is possible.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { isAmbiguous } from './faults.ts';

const noted = new WeakSet<object>();

/** Whether an attempt before the one that failed may have been executed. */
export const answerWasLost = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && noted.has(error);

/** Makes a client record it. */
export function noteLostAnswers(client: DynamoDBDocumentClient): void {
  const lost = new WeakSet<object>();
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (isAmbiguous(error)) lost.add(context);
        throw error;
      }
    },
    // After the SDK's retry middleware, so that it runs for each attempt.
    { step: 'finalizeRequest', priority: 'low', name: 'noteLostAnswer' },
  );
  client.middlewareStack.add(
    (next, context) => async (args) => {
      try {
        return await next(args);
      } catch (error) {
        if (lost.has(context)) noted.add(error as object);
        throw error;
      }
    },
    { step: 'initialize', priority: 'high', name: 'reportLostAnswer' },
  );
}
