/** One deployment for several suites of API tests, one after the other. */
import { afterAll } from '@jest/globals';
import { collectionNames, idFieldOf } from '../../../lib/model/collections.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { useApi } from '../../server/running-api.ts';
import { type DeployedApi, startDeployedApi } from './deployed-api.ts';

/** DynamoDB: 100 items per TransactWriteItems. */
const MOST = 100;

/** Each suite starts with an empty store. */
async function empty(repository: Repository): Promise<void> {
  // Children first: a parent with children cannot be deleted.
  for (const collection of collectionNames.toReversed()) {
    for (;;) {
      const { items } = await repository.queryEntities(collection, { limit: MOST });
      if (items.length === 0) break;
      await repository.transaction(async (tx) => {
        for (const item of items)
          await tx.deleteEntity(collection, String(item[idFieldOf(collection) as keyof typeof item]));
      });
    }
  }
}

/** Runs the suites of this Jest file on an environment as it would be deployed: `dev`, `json` or `sql`. */
export function shareDeployment(environment: string): void {
  let shared: Promise<DeployedApi> | undefined;
  useApi(async () => {
    shared ??= startDeployedApi(environment);
    const api = await shared;
    await empty(api.repository);
    return Object.assign(Object.create(api), { close: async () => {} });
  });
  // Fails if a function made a call that its role does not allow.
  afterAll(async () => (await shared)?.close());
}
