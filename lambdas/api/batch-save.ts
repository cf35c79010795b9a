import { batchSave } from '../../lib/service/batch-save.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('batch-save', batchSave);
