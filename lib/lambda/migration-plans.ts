import type { BackupLocation } from '../backup/backup-location.ts';
import { planOf } from '../migration/migrate-repository.ts';
import { type MigrationOrder, optionsOfOrder } from '../migration/order.ts';
import { type PlannedMigration, planFor, stateOf } from '../migration/planned-migration.ts';
import { now } from '../model/timestamps.ts';
import { deployedConfig } from './deployed-stores.ts';

/** The plan of an order. @throws MigrationError, ConfigurationError where it cannot be carried out */
export async function planned(id: string, order: MigrationOrder): Promise<PlannedMigration> {
  const plan = planOf(await optionsOfOrder(await deployedConfig(), order), 'server');
  return { ...plan, id, started_at: now() };
}

/** The plan that is there, or else that of the order, kept. */
export async function plannedOnce(
  location: BackupLocation,
  id: string,
  order: MigrationOrder | undefined,
): Promise<PlannedMigration> {
  const known = await stateOf(location, id).read<PlannedMigration>('plan');
  if (known !== undefined || order === undefined) return known ?? planFor(location, id);
  const plan = await planned(id, order);
  await stateOf(location, id).write('plan', plan);
  return plan;
}
