/** The use case behind provision requests: SPEC.md's create_request, atomic and safe to retry. */
import { createHash, randomUUID } from 'node:crypto';
import type { EntityInput, HostRequest, JsonObject, Machine, Template } from '../../model/entities.ts';
import { MAX_PAGE_ENTITIES } from '../../model/limits.ts';
import { compareUtf8 } from '../../model/order.ts';
import { now } from '../../model/timestamps.ts';
import { checkEntity } from '../../model/validation.ts';
import { EntityExistsError, TemplateNotFoundError, ValidationError } from '../../repository/errors.ts';
import type { NewEntity, Repository } from '../../repository/repository.ts';
import type { ProvisionBody } from '../http/body-schemas.ts';
import { RequestError } from '../http/request-error.ts';

export interface Provisioned {
  /** False if an earlier identical call already stored the request. */
  readonly created: boolean;
  readonly request: HostRequest;
  /** The machines of the request by creation time and id, read lazily. */
  readonly machines: Iterable<Machine> | AsyncIterable<Machine>;
}

/** JSON text that is equal for equal values, whatever the order of their members. */
function canonicalJson(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalJson).join()}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).toSorted(([a], [b]) => compareUtf8(a, b));
  return `{${members.map(([key, member]) => `${JSON.stringify(key)}:${canonicalJson(member)}`).join()}}`;
}

const sha256 = (text: string) => createHash('sha256').update(text);

/** A machine's id is derived from its request and its index, so that a retry names the same machines. */
function machineId(requestId: string, index: number): string {
  const bytes = sha256(JSON.stringify([requestId, index]))
    .digest()
    .subarray(0, 16);
  // RFC 9562, section 5.8: version 8 marks a UUID with a custom layout.
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x80, 6);
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8);
  return `machine-${bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')}`;
}

/** @throws ValidationError if the template does not allow that many machines */
function requireAllowed(template: Template, machineCount: number): void {
  const { max_number: limit } = template;
  if (limit === -1 || (Number.isInteger(limit) && machineCount <= limit)) return;
  // A template written by another program may lack the field, which does not mean that it has no limit.
  const message = Number.isInteger(limit)
    ? `is ${machineCount}, but the template allows at most ${limit} machines in one request (max_number)`
    : 'cannot be checked: the template has no max_number. Save it with one, or with -1 for no limit';
  throw new ValidationError([{ path: 'machine_count', message }]);
}

const requestOf = (
  { template_id, machine_count, tags, metadata }: ProvisionBody,
  requestId: string,
  createdAt: string,
): EntityInput<'requests'> => ({
  request_id: requestId,
  template_id,
  machine_count,
  status: 'PENDING',
  request_type: 'provision',
  created_at: createdAt,
  tags: (tags ?? null) as JsonObject | null,
  metadata: (metadata ?? null) as JsonObject | null,
});

/** Distinguishes different bodies under the same request id. */
const fingerprintOf = ({ template_id, machine_count, tags = null, metadata = null }: ProvisionBody): string =>
  sha256(canonicalJson({ template_id, machine_count, tags, metadata })).digest('hex');

function machinesOf(body: ProvisionBody, requestId: string, createdAt: string): NewEntity[] {
  const ids = Array.from({ length: body.machine_count }, (_, i) => machineId(requestId, i));
  return ids.toSorted(compareUtf8).map((machine_id) => ({
    collection: 'machines',
    entity: {
      machine_id,
      request_id: requestId,
      template_id: body.template_id,
      status: 'PENDING',
      created_at: createdAt,
    },
  }));
}

async function* storedMachines(repository: Repository, requestId: string): AsyncGenerator<Machine> {
  let cursor: string | undefined;
  do {
    const filters = { request_id: requestId };
    const page = await repository.queryEntities('machines', { filters, limit: MAX_PAGE_ENTITIES, cursor });
    yield* page.items;
    cursor = page.nextCursor;
  } while (cursor !== undefined);
}

/** What an earlier call with this request id stored; undefined if there was none. */
async function earlier(
  repository: Repository,
  requestId: string,
  fingerprint: string,
): Promise<Provisioned | undefined> {
  const request = await repository.getEntity('requests', requestId);
  if (request === undefined) return undefined;
  if (request.provision_fingerprint !== fingerprint) {
    const detail = `requests ${JSON.stringify(requestId)} was made with another body. Choose another request_id.`;
    throw new RequestError('request_differs', detail, { currentVersion: request.version });
  }
  return { created: false, request, machines: storedMachines(repository, requestId) };
}

/**
 * Stores a request and its machines, all PENDING, together or not at all. A repeated or concurrent call with the same body
 * and `request_id` returns what is stored and duplicates nothing.
 * @throws ValidationError, TemplateNotFoundError, RequestError (the id belongs to another body)
 */
export async function provision(repository: Repository, body: ProvisionBody): Promise<Provisioned> {
  const requestId = body.request_id ?? `req-${randomUUID()}`;
  const createdAt = now();
  const request = requestOf(body, requestId, createdAt);
  // Before the fingerprint, which recurses to any depth.
  const { problems } = checkEntity('requests', request);
  if (problems.length > 0) throw new ValidationError(problems);
  const fingerprint = fingerprintOf(body);
  // Before the template, which may have changed since: what is already stored answers a repeated call.
  const stored = body.request_id == null ? undefined : await earlier(repository, requestId, fingerprint);
  if (stored !== undefined) return stored;
  const template = await repository.getEntity('templates', body.template_id);
  if (template === undefined) throw new TemplateNotFoundError(body.template_id);
  requireAllowed(template, body.machine_count);
  const entity = { ...request, provision_fingerprint: fingerprint };
  try {
    const entities: NewEntity[] = [{ collection: 'requests', entity }, ...machinesOf(body, requestId, createdAt)];
    const [created, ...machines] = await repository.createTogether(entities);
    return { created: true, request: created as HostRequest, machines: machines as Machine[] };
  } catch (error) {
    if (!(error instanceof EntityExistsError)) throw error;
    // Another call with this id was faster.
    const winner = await earlier(repository, requestId, fingerprint);
    if (winner === undefined) throw error;
    return winner;
  }
}
