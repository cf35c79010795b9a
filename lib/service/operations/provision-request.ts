import type { Machine } from '../../model/entities.ts';
import { checkQuery } from '../../repository/check-query.ts';
import { encodeCursor } from '../../repository/cursor.ts';
import { positionOf } from '../../repository/query.ts';
import { ENVELOPE_BYTES, entityTooLarge, MAX_ANSWER_BYTES, sizeInAnswer } from '../http/answer-size.ts';
import { provisionBody } from '../http/body-schemas.ts';
import { checkBody } from '../http/check-body.ts';
import { locationOf } from '../http/locations.ts';
import { refuseQuery } from '../http/parameters.ts';
import { jsonAnswer, type ServiceFunction } from '../service.ts';
import { type Provisioned, provision } from './provision.ts';

/** The cursor with which `GET /v1/machines?request_id=…` continues after a machine. */
function cursorAfter(machine: Machine): string {
  const query = checkQuery('machines', { filters: { request_id: machine.request_id } });
  return encodeCursor('machines', query, positionOf('machines', query.order, machine));
}

async function answerOf({ request, machines }: Provisioned) {
  const listed: Machine[] = [];
  let bytesLeft = MAX_ANSWER_BYTES - ENVELOPE_BYTES - sizeInAnswer(request);
  for await (const machine of machines) {
    bytesLeft -= sizeInAnswer(machine) + 1;
    if (bytesLeft < 0) {
      const last = listed.at(-1);
      if (last === undefined) throw entityTooLarge();
      return { request, machines: listed, next_cursor: cursorAfter(last) };
    }
    listed.push(machine);
  }
  return { request, machines: listed };
}

/** `POST /v1/provision-requests`: 201 with the new request and its machines; 200 if the same call was made before. */
export const provisionRequest: ServiceFunction = async (repository, request) => {
  refuseQuery(request);
  const provisioned = await provision(repository, checkBody(provisionBody, request.body));
  const answer = await answerOf(provisioned);
  if (!provisioned.created) return jsonAnswer(200, answer);
  return jsonAnswer(201, answer, { Location: locationOf('requests', provisioned.request.request_id) });
};
