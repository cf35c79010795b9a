import { randomUUID } from 'node:crypto';
import type { HostRequest, Machine } from '../model/entities.ts';
import { TemplateNotFoundError } from '../repository/errors.ts';
import type { ProvisionBody } from '../service/http/body-schemas.ts';
import { type ApiClient, ApiProblem } from './api-client.ts';
import { errorOf } from './remote-errors.ts';

export type { ProvisionBody };

export interface Provisioned {
  /** False if the request was stored by an earlier identical call, or by an earlier attempt of this one. */
  readonly created: boolean;
  readonly request: HostRequest;
  /** All machines of the request. */
  readonly machines: Machine[];
}

interface Page {
  readonly machines?: Machine[];
  readonly items?: Machine[];
  readonly next_cursor?: string;
}

/** Provisions machines by `POST /v1/provision-requests`, and reads further pages if they do not fit into one answer. */
export async function provision(api: ApiClient, input: ProvisionBody): Promise<Provisioned> {
  const request_id = input.request_id ?? `req-${randomUUID()}`;
  try {
    const { status, body } = await api.call({
      method: 'POST',
      path: '/v1/provision-requests',
      body: { ...input, request_id },
      effect: 'guarded',
    });
    const machines: Machine[] = [];
    let page: Page = body;
    for (;;) {
      machines.push(...(page.machines ?? page.items ?? []));
      if (page.next_cursor === undefined) break;
      const query = [
        ['request_id', request_id],
        ['cursor', page.next_cursor],
      ] as const;
      page = (await api.call({ method: 'GET', path: '/v1/machines', query, effect: 'read' })).body;
    }
    return { created: status === 201, request: body.request as HostRequest, machines };
  } catch (error) {
    if (!(error instanceof ApiProblem)) throw error;
    throw error.code === 'template_not_found' ? new TemplateNotFoundError(input.template_id) : errorOf(error.problem);
  }
}
