import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { queryEntities } from '../../lib/service/operations/query-entities.ts';

export const handler = apiHandler('query-entities', queryEntities);
