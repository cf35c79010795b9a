import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { createEntity } from '../../lib/service/operations/create-entity.ts';

export const handler = apiHandler('create-entity', createEntity);
