/** Several entities changed together: a machine moves to another request, and both counts change with it. */
import { EntityInUseError, type Repository } from '../lib/library.ts';
import { withTemporaryStore } from './temporary-store.ts';

async function move(repository: Repository, machineId: string, toRequest: string): Promise<void> {
  await repository.transaction(async (tx) => {
    const machine = await tx.getEntity('machines', machineId);
    const target = await tx.getEntity('requests', toRequest);
    if (machine === undefined || target === undefined) throw new Error('Nothing to move.');
    const source = await tx.getEntity('requests', machine.request_id);
    if (source === undefined) throw new Error('The machine has no request.');
    await tx.updateEntity('machines', machineId, { request_id: toRequest });
    await tx.updateEntity('requests', source.request_id, { machine_count: source.machine_count - 1 });
    await tx.updateEntity('requests', toRequest, { machine_count: target.machine_count + 1 });
  });
}

async function show(repository: Repository): Promise<void> {
  const { items } = await repository.queryEntities('requests', { orderBy: 'request_id' });
  console.log(items.map(({ request_id, machine_count }) => `${request_id}: ${machine_count}`).join(', '));
}

await withTemporaryStore(async (repository) => {
  const template = { template_id: 't-1', name: 'Standard', provider_api: 'RunInstances', vm_type: 'a', max_number: 9 };
  await repository.saveEntity('templates', template);
  for (const [request_id, machine_count] of [
    ['req-a', 1],
    ['req-b', 0],
  ] as const) {
    await repository.saveEntity('requests', { request_id, template_id: 't-1', machine_count, status: 'RUNNING' });
  }
  await repository.saveEntity('machines', { machine_id: 'm-1', request_id: 'req-a', status: 'RUNNING' });
  await show(repository);

  await move(repository, 'm-1', 'req-b');
  await show(repository);

  // An exception rolls everything back, including earlier writes.
  try {
    await repository.transaction(async (tx) => {
      await tx.updateEntity('requests', 'req-a', { machine_count: 99 });
      await tx.deleteEntity('requests', 'req-b');
    });
  } catch (error) {
    if (!(error instanceof EntityInUseError)) throw error;
    console.log(error.message);
  }
  await show(repository);
});
