/**
 * One of several processes on the same store. argv: the configuration as JSON, then `save NAME COUNT` (distinct ids) or
 * `persist NAME COUNT` (the same, with retries if the store asks for them), or `increment COUNT` (one counter, by expectedVersion,
 * retried on conflict), or `hold` (takes the write lock and keeps it).
 */
import type { JsonStrategyConfig } from '../../../lib/config/json-strategy.ts';
import { ConcurrencyConflictError, StorageUnavailableError } from '../../../lib/repository/errors.ts';
import { StorageRepository } from '../../../lib/repository/storage-repository.ts';
import { openJsonStrategy } from '../../../lib/strategies/json/json-strategy.ts';

const [config, mode, ...args] = process.argv.slice(2) as [string, string, ...string[]];
const strategy = await openJsonStrategy(JSON.parse(config) as JsonStrategyConfig);
const repository = new StorageRepository(strategy);
const template = (id: string) =>
  ({ template_id: id, name: id, provider_api: 'RunInstances', vm_type: 't3.medium', max_number: 1 }) as const;

async function increment(): Promise<void> {
  for (;;) {
    const current = await repository.getEntity('templates', 'counter');
    const count = (current?.count as number | undefined) ?? 0;
    try {
      const expectedVersion = current?.version ?? 0;
      await repository.saveEntity('templates', { ...template('counter'), count: count + 1 }, { expectedVersion });
      return;
    } catch (error) {
      if (!(error instanceof ConcurrencyConflictError) && (error as { code?: string }).code !== 'entity_exists')
        throw error;
    }
  }
}

if (mode === 'save') {
  const [name, count] = args as [string, string];
  for (let i = 0; i < Number(count); i++) await repository.saveEntity('templates', template(`${name}-${i}`));
} else if (mode === 'persist') {
  const [name, count] = args as [string, string];
  for (let i = 0; i < Number(count); ) {
    try {
      await repository.saveEntity('templates', template(`${name}-${i}`));
      i++;
    } catch (error) {
      if (!(error instanceof StorageUnavailableError)) throw error;
    }
  }
} else if (mode === 'increment') {
  for (let i = 0; i < Number(args[0]); i++) await increment();
} else {
  await strategy.withWriteLock(async () => {
    process.stdout.write('held\n');
    await new Promise((resolve) => setTimeout(resolve, 60_000));
  });
}
await repository.close();
