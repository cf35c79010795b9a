import { batchGet } from '../../lib/service/batch-get.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('batch-get', batchGet);
