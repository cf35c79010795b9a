import { apiHandler } from '../../lib/lambda/api-handler.ts';
import { countEntities } from '../../lib/service/operations/count-entities.ts';

export const handler = apiHandler('count-entities', countEntities);
