import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { deleteEntity } from '../../lib/service/operations/delete-entity.ts';

export const handler = apiHandler('delete-entity', deleteEntity);
