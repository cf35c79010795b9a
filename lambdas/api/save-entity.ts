import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { saveEntity } from '../../lib/service/operations/save-entity.ts';

export const handler = apiHandler('save-entity', saveEntity);
