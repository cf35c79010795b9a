import { provisionRequest } from '../../lib/service/provision-request.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('provision-request', provisionRequest);
