import { updateEntity } from '../../lib/service/update-entity.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('update-entity', updateEntity);
