import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { batchGet } from '../../lib/service/operations/batch-get.ts';

export const handler = apiHandler('batch-get', batchGet);
