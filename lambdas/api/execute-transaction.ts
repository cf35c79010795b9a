import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { executeTransaction } from '../../lib/service/operations/execute-transaction.ts';

export const handler = apiHandler('execute-transaction', executeTransaction);
