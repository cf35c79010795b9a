import { getEntity } from '../../lib/service/get-entity.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('get-entity', getEntity);
