import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { getEntity } from '../../lib/service/operations/get-entity.ts';

export const handler = apiHandler('get-entity', getEntity);
