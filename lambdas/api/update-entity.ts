import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { updateEntity } from '../../lib/service/operations/update-entity.ts';

export const handler = apiHandler('update-entity', updateEntity);
