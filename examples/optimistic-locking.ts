/** Two writers of one request: the second one merges its change into the first one's result, and retries. */
import { ConcurrencyConflictError, type EntityChanges, type HostRequest, type Repository } from '../lib/library.ts';
import { withTemporaryStore } from './temporary-store.ts';

const MAX_ATTEMPTS = 5;

/**
 * Applies `change` to a request, expecting the version it was computed from.
 * @param change called again with the newer request if another writer was faster
 */
async function updateRequest(
  repository: Repository,
  seen: HostRequest,
  change: (request: HostRequest) => EntityChanges<'requests'>,
): Promise<HostRequest> {
  let request = seen;
  for (let attempt = 1; ; attempt++) {
    try {
      const options = { expectedVersion: request.version };
      return await repository.updateEntity('requests', request.request_id, change(request), options);
    } catch (error) {
      // The error carries the winning request, so it need not be read again.
      if (!(error instanceof ConcurrencyConflictError) || attempt === MAX_ATTEMPTS) throw error;
      console.log(error.message);
      request = error.current as HostRequest;
    }
  }
}

const tagged = (tag: string) => (request: HostRequest) => ({ tags: { ...request.tags, [tag]: true } });

await withTemporaryStore(async (repository) => {
  const template = { template_id: 't-1', name: 'Standard', provider_api: 'RunInstances', vm_type: 'a', max_number: 1 };
  await repository.saveEntity('templates', template);
  const seen = await repository.saveEntity('requests', {
    request_id: 'req-123',
    template_id: 't-1',
    machine_count: 1,
    status: 'PENDING',
  });

  // Both have seen version 1.
  await updateRequest(repository, seen, tagged('first'));
  const merged = await updateRequest(repository, seen, tagged('second'));
  console.log(`version ${merged.version}, tags ${JSON.stringify(merged.tags)}`);
});
