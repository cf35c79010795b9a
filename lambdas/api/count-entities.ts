import { countEntities } from '../../lib/service/count-entities.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('count-entities', countEntities);
