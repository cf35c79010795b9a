import { queryEntities } from '../../lib/service/query-entities.ts';
import { apiHandler } from '../api-handler.ts';

export const handler = apiHandler('query-entities', queryEntities);
