/**
 * A process that saves until it is killed. argv: the store's configuration as JSON, a name for its ids, bytes of filling per
 * entity, whether it occasionally closes and reopens the store. Prints every id once its save is acknowledged.
 */
import { writeSync } from 'node:fs';
import type { JsonStrategyConfig } from '../../../lib/config/json-strategy.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';

const [config, name, filling, reopens] = process.argv.slice(2) as [string, string, string, string];
const open = async (): Promise<StorageRepository> =>
  new StorageRepository(await openJsonStrategy(JSON.parse(config) as JsonStrategyConfig));

let repository = await open();
const save = async (id: string): Promise<void> => {
  await repository.saveEntity('templates', {
    template_id: id,
    name: id,
    provider_api: 'RunInstances',
    vm_type: 't3.medium',
    max_number: 1,
    attributes: { filling: 'x'.repeat(Number(filling)) },
  });
  // Synchronous, so that an id is in the pipe as soon as it is acknowledged.
  writeSync(1, `${id}\n`);
};
for (let i = 0; ; i++) {
  await Promise.all([0, 1, 2].map((j) => save(`${name}-${i}-${j}`)));
  if (reopens === 'reopens' && i % 20 === 19) {
    await repository.close();
    repository = await open();
  }
}
