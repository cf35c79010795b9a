import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { provisionRequest } from '../../lib/service/operations/provision-request.ts';

export const handler = apiHandler('provision-request', provisionRequest);
