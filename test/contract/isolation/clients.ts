/** The rows of an isolation test on a store. */
import { EntityNotFoundError } from '../../../lib/repository/errors.ts';
import type { Filters } from '../../../lib/repository/query.ts';
import type { Repository, Transaction } from '../../../lib/repository/repository.ts';
import { machine, newId, request, saveRequest, saveTemplate } from '../samples.ts';
import {
  type Client,
  type Found,
  type Key,
  type Kind,
  kindOf,
  type Operation,
  type Outcome,
  type Perform,
  type Row,
} from './rows.ts';

const rowOf = ({ machine_count, status, version }: Record<string, unknown>): Row =>
  ({ machine_count, status, version }) as Row;

/** Clients of one table of rows: children of a template that no other test uses, one client for each repository. */
export async function clientsOf(repositories: readonly [Repository, ...Repository[]]): Promise<Client[]> {
  const { template_id } = await saveTemplate(repositories[0]);
  // Of another template, so that it is not among the rows.
  const { request_id } = await saveRequest(repositories[0]);
  const prefix = newId('row');
  const idOf = (key: Key): string => key.replace(kindOf(key), prefix);
  const found = (kind: Kind, entities: readonly Record<string, unknown>[]): Found =>
    entities.map((entity) => {
      const id = String(kind === 'requests' ? entity.request_id : entity.machine_id);
      return [id.replace(prefix, kind) as Key, rowOf(entity)];
    });

  async function perform(on: Transaction | Repository, operation: Operation): Promise<Outcome> {
    switch (operation.kind) {
      case 'get': {
        const entity = await on.getEntity(kindOf(operation.key), idOf(operation.key));
        return entity === undefined ? undefined : rowOf(entity);
      }
      case 'get together': {
        if (!('getEntities' in on)) throw new Error('Inside a transaction entities are read one by one.');
        const kind = kindOf(operation.keys[0] as Key);
        return found(kind, (await on.getEntities(kind, operation.keys.map(idOf))).items);
      }
      case 'save': {
        const id = idOf(operation.key);
        if (kindOf(operation.key) === 'requests') {
          return rowOf(await on.saveEntity('requests', request(template_id, { request_id: id, ...operation.fields })));
        }
        const parents = { request_id, template_id };
        return rowOf(await on.saveEntity('machines', machine(parents, { machine_id: id, ...operation.fields })));
      }
      case 'update':
        return rowOf(await on.updateEntity(kindOf(operation.key), idOf(operation.key), { ...operation.fields }));
      case 'delete':
        await on.deleteEntity(kindOf(operation.key), idOf(operation.key));
        return undefined;
      case 'query': {
        const filters = { template_id, ...operation.filters } as Filters;
        const orderBy = operation.from === 'requests' ? 'request_id' : 'machine_id';
        return found(operation.from, (await on.queryEntities(operation.from, { filters, orderBy })).items);
      }
      case 'count': {
        const filters = { template_id, ...operation.filters } as Filters;
        return (await on.countEntities(operation.from, { filters })).count;
      }
    }
  }

  const performer =
    (on: Transaction | Repository): Perform =>
    async (operation) => {
      try {
        return await perform(on, operation);
      } catch (error) {
        // Any other error is left to the store, which may then retry the work.
        if (error instanceof EntityNotFoundError) return 'missing';
        throw error;
      }
    };
  return repositories.map((repository) => {
    const { queriesInTransactions, queryStaleness, snapshotReads } = repository.capabilities;
    return {
      perform: performer(repository),
      transaction: (work) => repository.transaction((tx) => work(performer(tx))),
      // A store that cannot prevent phantoms in a transaction cannot prevent partial commits in a query either.
      exactQueries: queriesInTransactions && queryStaleness === 0,
      exactBatches: snapshotReads,
    };
  });
}
