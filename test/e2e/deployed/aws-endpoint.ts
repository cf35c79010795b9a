/** A fake AWS for the functions: identifies callers by access key, allows what their roles allow, and records the calls. */
import { once } from 'node:events';
import { Agent, createServer, request as httpRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { type AwsCall, type KeyOf, permissionsOf } from './aws-permissions.ts';
import type { Permission, RolePolicies } from './iam-policies.ts';

/** A caller. */
export interface Caller {
  readonly name: string;
  readonly policies: RolePolicies;
}

/** A fake service: an address, and the access key that separates its data. */
export interface Backend {
  readonly endpoint: string;
  readonly accessKeyId?: string;
}

export interface UsedPermission extends Permission {
  readonly caller: string;
  readonly allowed: boolean;
}

export interface AwsEndpoint {
  readonly url: string;
  /** Every permission that calls used, each once. */
  readonly used: readonly UsedPermission[];
  /** Other problems: unknown calls. */
  readonly faults: readonly string[];
  /** Records a permission that is not used by an HTTP call. @returns whether the caller has it */
  check(caller: Caller, permission: Permission): boolean;
  close(): Promise<void>;
}

export interface AwsEndpointOptions {
  callerOf(accessKeyId: string): Caller | undefined;
  readonly backends: Readonly<Record<string, Backend>>;
  readonly keyOf: KeyOf;
}

const CREDENTIAL = /Credential=([^/,]+)\/\d{8}\/[^/]+\/([^/]+)\/aws4_request/;

/** A refusal in the format that the SDK expects, for services with JSON and for S3. */
function refuse(answer: ServerResponse, service: string, message: string): void {
  if (service === 's3') {
    const xml = `<?xml version="1.0" encoding="UTF-8"?><Error><Code>AccessDenied</Code><Message>${message}</Message></Error>`;
    answer.writeHead(403, { 'Content-Type': 'application/xml' }).end(xml);
    return;
  }
  const body = JSON.stringify({ __type: 'AccessDeniedException', message });
  answer.writeHead(400, { 'Content-Type': 'application/x-amz-json-1.0' }).end(body);
}

export async function startAwsEndpoint({ callerOf, backends, keyOf }: AwsEndpointOptions): Promise<AwsEndpoint> {
  const agent = new Agent({ keepAlive: true });
  const used = new Map<string, UsedPermission>();
  const faults: string[] = [];

  const check = (caller: Caller, permission: Permission): boolean => {
    const allowed = caller.policies.allows(permission);
    const { action, resource } = permission;
    used.set(`${caller.name} ${action} ${resource} ${allowed}`, { ...permission, caller: caller.name, allowed });
    return allowed;
  };

  async function pass(call: AwsCall, { endpoint, accessKeyId }: Backend, answer: ServerResponse): Promise<void> {
    const { authorization = '', connection: _, ...headers } = call.headers;
    const { hostname, port } = new URL(endpoint);
    const signed = String(authorization);
    const asWhom = accessKeyId === undefined ? signed : signed.replace(/Credential=[^/]+/, `Credential=${accessKeyId}`);
    const outgoing = httpRequest({
      agent,
      hostname,
      port,
      method: call.method,
      path: call.target,
      headers: { ...headers, authorization: asWhom },
    });
    outgoing.end(call.body);
    const [result] = (await once(outgoing, 'response')) as [IncomingMessage];
    answer.writeHead(result.statusCode as number, result.headers);
    await pipeline(result, answer);
  }

  async function serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const { method = '', url: target = '', headers } = incoming;
    const body = await buffer(incoming);
    const [, accessKeyId = '', service = ''] = CREDENTIAL.exec(headers.authorization ?? '') ?? [];
    const caller = callerOf(accessKeyId);
    const backend = backends[service];
    if (caller === undefined || backend === undefined) {
      throw new Error(
        `${method} ${target} of ${accessKeyId} to ${service}: unknown caller, or there is no fake for the service.`,
      );
    }
    const call: AwsCall = { service, method, target, headers, body };
    const denied = permissionsOf(call, keyOf).filter((permission) => !check(caller, permission));
    const [first] = denied;
    if (first === undefined) return pass(call, backend, answer);
    refuse(
      answer,
      service,
      `${caller.name} is not authorized to perform: ${first.action} on resource: ${first.resource}`,
    );
  }

  const server = createServer((incoming, answer) => {
    serve(incoming, answer).catch((error: Error) => {
      // A caller that was stopped half way is not an error.
      if (!incoming.destroyed || error instanceof TypeError) faults.push(error.message);
      answer.destroy();
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get used() {
      return [...used.values()];
    },
    faults,
    check,
    close: async () => {
      agent.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
