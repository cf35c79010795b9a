/** A request with its machines, stored together or not at all; then the typical queries of a Host Factory. */
import { EntityExistsError, type NewEntity } from '../lib/library.ts';
import { withTemporaryStore } from './temporary-store.ts';

await withTemporaryStore(async (repository) => {
  await repository.saveEntity('templates', {
    template_id: 'template-1',
    name: 'Standard Template',
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: 10,
  });

  const entities: NewEntity[] = [
    {
      collection: 'requests',
      entity: { request_id: 'req-123', template_id: 'template-1', machine_count: 3, status: 'PENDING' },
    },
    ...[1, 2, 3].map(
      (n): NewEntity => ({
        collection: 'machines',
        entity: { machine_id: `machine-${n}`, request_id: 'req-123', template_id: 'template-1', status: 'PENDING' },
      }),
    ),
  ];
  const stored = await repository.createTogether(entities);
  console.log(`stored ${stored.length} entities`);

  // None of them may exist yet: repeating the call changes nothing.
  try {
    await repository.createTogether(entities);
  } catch (error) {
    if (!(error instanceof EntityExistsError)) throw error;
    console.log(error.message);
  }

  await repository.updateEntity('machines', 'machine-2', { status: 'RUNNING', private_ip: '10.0.1.100' });
  const { items } = await repository.queryEntities('machines', {
    filters: { request_id: 'req-123', status: ['PENDING', 'RUNNING'] },
    orderBy: '-machine_id',
    limit: 2,
  });
  for (const { machine_id, status, version } of items) console.log(`${machine_id} ${status}, version ${version}`);
  console.log(await repository.countEntities('machines', { filters: { status: 'PENDING' } }));
});
