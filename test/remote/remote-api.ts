/** A server with its own store, a gateway in front of it, and repositories that use it. */

import type { HttpRepository } from '../../lib/remote/http-repository.ts';
import { openRemoteRepository, type RemoteOptions } from '../../lib/remote/open-remote.ts';
import type { RetryPolicy } from '../../lib/remote/retry-policy.ts';
import { type RunningApi, startApi } from '../server/running-api.ts';
import { type Gateway, type GatewayOptions, startGateway } from './gateway.ts';

/** Short pauses, so that retries happen quickly. */
export const quick: RetryPolicy = { attemptMs: 60_000, totalMs: 240_000, attempts: 4, baseMs: 5, longestMs: 20 };

export interface RemoteApi {
  /** The server behind the gateway, with its store. */
  readonly api: RunningApi;
  readonly gateway: Gateway;
  /** Opens the API through the gateway; closed with it. */
  open(options?: Partial<RemoteOptions>): HttpRepository;
  close(): Promise<void>;
}

export async function startRemoteApi({
  token,
  ...options
}: Omit<GatewayOptions, 'port'> & { token?: string } = {}): Promise<RemoteApi> {
  const api = await startApi(token === undefined ? {} : { token });
  const gateway = await startGateway({ ...options, port: api.port });
  const opened: HttpRepository[] = [];
  return {
    api,
    gateway,
    open: (given = {}) => {
      const repository = openRemoteRepository({ url: gateway.url, policy: quick, ...given }, {});
      opened.push(repository);
      return repository;
    },
    close: async () => {
      await gateway.close();
      for (const repository of opened) await repository.close();
      await api.close();
    },
  };
}
