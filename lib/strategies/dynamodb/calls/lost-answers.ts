/**
 * The SDK sends a request again where its answer was lost; the first attempt may have been carried out all the same. A
 * write that then finds its condition broken may have been broken by itself. This notes which requests that concerns.
 */
import type { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { isAmbiguous } from './faults.ts';

const noted = new WeakSet<object>();

/** Whether an attempt before the one that failed may have been carried out. */
export const answerWasLost = (error: unknown): boolean =>
  typeof error === 'object' && error !== null && noted.has(error);

/** Makes a client note it. */
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
    // Behind the SDK's retries, so that it is called for each attempt.
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
