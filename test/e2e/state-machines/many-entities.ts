/** Entities for the state machines to migrate. */
import { canonicalJson } from '../../../lib/model/canonical-json.ts';
import { collectionNames } from '../../../lib/model/collections.ts';
import { idOf } from '../../../lib/repository/guarded-write.ts';
import type { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import type { DeployedJobs } from './deployed-jobs.ts';

const TEMPLATES = 5;

export interface Amounts {
  readonly requests: number;
  readonly machinesOfEach: number;
}

/** Entities of a collection, with ids by number. */
export function entitiesOf({ requests, machinesOfEach }: Amounts) {
  const numbers = (count: number): number[] => Array.from({ length: count }, (_, i) => i);
  return {
    templates: numbers(TEMPLATES).map((i) => ({
      template_id: `template-${i}`,
      name: `Template ${i}`,
      provider_api: 'EC2Fleet',
      vm_type: 't3.large',
      max_number: -1,
      version: 1,
    })),
    requests: numbers(requests).map((i) => ({
      request_id: `request-${i}`,
      template_id: `template-${i % TEMPLATES}`,
      request_type: 'provision',
      machine_count: machinesOfEach,
      status: ['PENDING', 'COMPLETED', 'FAILED'][i % 3] as string,
      tags: { team: `ü 漢字 ${i}`, nested: { list: [null, 0, false, ''] } },
      version: (i % 4) + 1,
    })),
    machines: numbers(requests * machinesOfEach).map((i) => ({
      machine_id: `machine-${i}`,
      request_id: `request-${i % requests}`,
      template_id: `template-${(i % requests) % TEMPLATES}`,
      status: i % 2 === 0 ? 'RUNNING' : 'TERMINATED',
      private_ip: `10.0.${i >> 8}.${i & 255}`,
      version: 1,
    })),
  };
}

const TIMES = { created_at: '2026-11-01T10:00:00.000Z', updated_at: '2026-11-02T10:00:00.000Z' };

/** Fills the deployment's own store. */
export async function seed(jobs: Pick<DeployedJobs, 'openOwn'>, amounts: Amounts): Promise<void> {
  await using store = await jobs.openOwn();
  const entities = entitiesOf(amounts);
  for (const collection of collectionNames) {
    await store.strategy.load(collection, entities[collection].map((entity) => ({ ...entity, ...TIMES })) as never);
  }
}

/** Everything in a store as sorted texts. */
export async function textsOf(open: () => Promise<StorageRepository>): Promise<string[]> {
  await using store = await open();
  const texts: string[] = [];
  for (const collection of collectionNames) {
    let cursor: string | undefined;
    do {
      const page = await store.strategy.scan(collection, { segment: 0, segments: 1, limit: 500, cursor });
      texts.push(...page.items.map((entity) => `${collection} ${canonicalJson(entity)}`));
      cursor = page.cursor;
    } while (cursor !== undefined);
  }
  return texts.sort();
}

/** Removes everything from a store. */
export async function empty(open: () => Promise<StorageRepository>): Promise<void> {
  await using store = await open();
  for (const collection of collectionNames.toReversed()) {
    const ids: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await store.strategy.scan(collection, { segment: 0, segments: 1, limit: 500, cursor });
      ids.push(...page.items.map((entity) => idOf(collection, entity)));
      cursor = page.cursor;
    } while (cursor !== undefined);
    await store.strategy.writeEach(ids.map((id) => [{ kind: 'delete', collection, id, unreferencedBy: [] }]));
  }
}
