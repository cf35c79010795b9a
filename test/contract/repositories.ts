/** Every repository that the contract suite runs on: those of the stores, and one that reaches a store over HTTP. */
import { logger } from '../../lib/lambda/api-log.ts';
import { httpCapabilities } from '../../lib/remote/http-repository.ts';
import { openRemoteRepository } from '../../lib/remote/open-remote.ts';
import type { Repository } from '../../lib/repository/repository.ts';
import { startServer } from '../../lib/server/server.ts';
import { type OpenRepository, type RepositoryFactory, type StoreOptions, stores } from './stores.ts';

const [first] = stores;
if (first === undefined) throw new Error('There is no store to serve.');
const jsonStore = first;

async function openOverHttp(options: StoreOptions = {}): Promise<OpenRepository> {
  const served = await jsonStore.open(options);
  const server = await startServer({ repository: served.repository, host: '127.0.0.1', port: 0 });
  logger.setLogLevel('SILENT');
  // No token of the environment: what a developer has set is not for this server.
  const connect = (): Repository => openRemoteRepository({ url: server.url, ...options }, {});
  const others: Repository[] = [];
  let repository = connect();
  const open: OpenRepository = {
    get repository() {
      return repository;
    },
    async reopen() {
      await repository.close();
      repository = connect();
    },
    async crash() {
      others.push(repository);
      repository = connect();
    },
    async second() {
      const another = connect();
      others.push(another);
      return another;
    },
    async close() {
      for (const client of [...others.splice(0), repository]) await client.close();
      await server.close();
      await served.close();
    },
    [Symbol.asyncDispose]: () => open.close(),
  };
  return open;
}

const overHttp: RepositoryFactory = {
  name: 'http',
  capabilities: httpCapabilities,
  reach: { explains: false, knowsTimeOfCommit: false, manyWrites: false, noticesRecreation: false },
  remote: true,
  open: openOverHttp,
};

export const repositories: readonly RepositoryFactory[] = [...stores, overHttp];
