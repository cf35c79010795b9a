import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { batchSave } from '../../lib/service/operations/batch-save.ts';

export const handler = apiHandler('batch-save', batchSave);
