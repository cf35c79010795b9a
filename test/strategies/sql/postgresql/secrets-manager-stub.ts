/** A fake AWS Secrets Manager that answers as a test requests, and counts calls. */
import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';

type Answer = { readonly secret: string } | { readonly status: number; readonly error: string };

export interface SecretsManagerStub {
  readonly endpoint: string;
  /** Calls so far, including the SDK's retries. */
  calls: number;
  /** The region that the last call was signed for. */
  region: string | undefined;
  /** The answer to the next calls: the secret, or an error; a promise delays them. */
  answer: Answer | Promise<Answer>;
  stop(): Promise<void>;
}

export async function startSecretsManagerStub(): Promise<SecretsManagerStub> {
  const server = createServer(async (call: IncomingMessage, response) => {
    stub.calls++;
    stub.region = /Credential=[^/]+\/\d+\/([^/]+)\/secretsmanager\//.exec(call.headers.authorization ?? '')?.[1];
    const given = stub.answer;
    call.resume();
    await once(call, 'end');
    const answer = await given;
    // The SDK retries a refused call if the server's clock differs from that of the test.
    response.sendDate = false;
    response.setHeader('content-type', 'application/x-amz-json-1.1');
    if ('secret' in answer) {
      response.end(JSON.stringify({ ARN: 'arn', Name: 'name', VersionId: 'v', SecretString: answer.secret }));
    } else {
      response.statusCode = answer.status;
      response.end(JSON.stringify({ __type: answer.error, message: `This is ${answer.error}.` }));
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stub: SecretsManagerStub = {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    calls: 0,
    region: undefined,
    answer: { secret: 'hunter2' },
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  return stub;
}
