import { createEntity } from '../../lib/service/create-entity.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('create-entity', createEntity);
