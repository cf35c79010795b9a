/** Valid entities to start tests from. */
import type { EntityInput, HostRequest, Machine, Template } from '../../lib/model/entities.ts';
import type { Repository, Transaction } from '../../lib/repository/repository.ts';

let made = 0;

/** An id that no other test of the same store uses. */
export const newId = (prefix: string): string => {
  made += 1;
  return `${prefix}-${made}`;
};

export const template = (fields: Partial<EntityInput<'templates'>> = {}): EntityInput<'templates'> => ({
  template_id: newId('template'),
  name: 'Standard',
  provider_api: 'RunInstances',
  vm_type: 't3.medium',
  max_number: 10,
  ...fields,
});

export const request = (
  templateId: string,
  fields: Partial<EntityInput<'requests'>> = {},
): EntityInput<'requests'> => ({
  request_id: newId('request'),
  template_id: templateId,
  machine_count: 3,
  status: 'PENDING',
  ...fields,
});

export const machine = (
  { request_id, template_id }: Pick<HostRequest, 'request_id' | 'template_id'>,
  fields: Partial<EntityInput<'machines'>> = {},
): EntityInput<'machines'> => ({
  machine_id: newId('machine'),
  request_id,
  template_id,
  status: 'RUNNING',
  ...fields,
});

export const saveTemplate = (
  repository: Transaction,
  fields: Partial<EntityInput<'templates'>> = {},
): Promise<Template> => repository.saveEntity('templates', template(fields));

/** Saves a request of a new template. */
export async function saveRequest(
  repository: Transaction,
  fields: Partial<EntityInput<'requests'>> = {},
): Promise<HostRequest> {
  const { template_id } = await saveTemplate(repository);
  return repository.saveEntity('requests', request(template_id, fields));
}

/** Saves a machine of a new request of a new template. */
export async function saveMachine(
  repository: Transaction,
  fields: Partial<EntityInput<'machines'>> = {},
): Promise<Machine> {
  return repository.saveEntity('machines', machine(await saveRequest(repository), fields));
}

/** Saves several entities at once, all of which must succeed. */
export async function saveAll<C extends 'templates' | 'requests' | 'machines'>(
  repository: Repository,
  collection: C,
  entities: readonly EntityInput<C>[],
): Promise<void> {
  const results = await repository.saveEntities(collection, entities);
  const failed = results.find(({ status }) => status !== 'saved');
  if (failed !== undefined && 'error' in failed) throw failed.error;
}
