import { deleteEntity } from '../../lib/service/delete-entity.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('delete-entity', deleteEntity);
