import { executeTransaction } from '../../lib/service/execute-transaction.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('execute-transaction', executeTransaction);
