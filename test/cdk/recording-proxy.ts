/** A proxy between a client and DynamoDB that records the permissions that the calls would need on AWS. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface RecordingProxy extends AsyncDisposable {
  readonly endpoint: string;
  /** What was called since it was last asked, such as `GetItem hostfactory_requests`. */
  take(): string[];
}

interface Call {
  readonly TableName: string;
  readonly IndexName?: string;
  readonly RequestItems?: Readonly<Record<string, unknown>>;
  readonly TransactItems?: readonly Readonly<Record<string, { readonly TableName: string }>>[];
}

/** Actions and resources of a call; TransactWriteItems is authorized as its parts. */
function permissions(action: string, call: Call): string[] {
  if (call.RequestItems !== undefined) return Object.keys(call.RequestItems).map((table) => `${action} ${table}`);
  if (call.TransactItems !== undefined) {
    return call.TransactItems.flatMap((item) =>
      Object.entries(item).map(([kind, { TableName }]) => `${kind}Item ${TableName}`),
    );
  }
  return [`${action} ${call.TableName}${call.IndexName === undefined ? '' : `/index/${call.IndexName}`}`];
}

export async function startRecordingProxy(target: string): Promise<RecordingProxy> {
  const calls = new Set<string>();
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = Buffer.concat(chunks);
    const action = String(request.headers['x-amz-target']).split('.').at(-1) as string;
    for (const one of permissions(action, JSON.parse(body.toString()) as Call)) calls.add(one);
    const { host: _, connection: __, 'content-length': ___, ...headers } = request.headers;
    const answer = await fetch(target, { method: 'POST', headers: headers as Record<string, string>, body });
    const { 'content-length': ____, connection: _____, ...answered } = Object.fromEntries(answer.headers);
    response.writeHead(answer.status, answered).end(Buffer.from(await answer.arrayBuffer()));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    take: () => {
      const taken = [...calls].sort();
      calls.clear();
      return taken;
    },
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
