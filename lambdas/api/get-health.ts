import { getHealth } from '../../lib/service/get-health.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('get-health', getHealth);
