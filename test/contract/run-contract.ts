import { needBackend } from '../backends/backend.ts';
import { useSharedStore } from './on-every-store.ts';
import { operations } from './operations.ts';
import { repositories } from './repositories.ts';

/** Runs every operation of the contract on one store, which is opened once. */
export async function runContract(name: string): Promise<void> {
  const factory = repositories.find((each) => each.name === name);
  if (factory === undefined) throw new Error(`There is no store ${name}.`);
  if (factory.backend !== undefined) await needBackend(factory.backend);
  const include = useSharedStore(factory);
  for (const operation of operations) await include(operation, () => import(`./${operation}.test.ts`));
}
