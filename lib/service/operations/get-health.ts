import { refuseQuery } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';

/** `GET /v1/health`: whether the store can be used now. */
export const getHealth: ServiceFunction = async (repository, request) => {
  refuseQuery(request);
  await repository.health();
  return jsonAnswer(200, { status: 'ok' });
};
