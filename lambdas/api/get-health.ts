import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { getHealth } from '../../lib/service/operations/get-health.ts';

export const handler = apiHandler('get-health', getHealth);
