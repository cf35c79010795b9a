import { saveEntity } from '../../lib/service/save-entity.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('save-entity', saveEntity);
