import type { JsonObject } from '../../model/entities.ts';
import { refuseQuery } from '../http/parameters.ts';
import { openapiDocument } from '../openapi/openapi-document.ts';
import { jsonAnswer, type ServiceRequest, type ServiceResponse } from '../service.ts';

let document: JsonObject | undefined;

/** `GET /v1/openapi.json`: needs no store. */
export async function getOpenapi(request: ServiceRequest): Promise<ServiceResponse> {
  refuseQuery(request);
  document ??= openapiDocument();
  return jsonAnswer(200, document, { 'Cache-Control': 'no-cache' });
}
