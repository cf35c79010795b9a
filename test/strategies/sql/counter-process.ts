/** A process that adds to a template's max_number, `counter-process.ts CONFIG ID MS`, and prints how often it did. */
import { ConcurrencyConflictError } from '../../../lib/repository/errors.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';

const [config, id, ms] = process.argv.slice(2) as [string, string, string];
await using repository = await openRepository(JSON.parse(config));

async function increment(): Promise<boolean> {
  const counter = await repository.getEntity('templates', id);
  if (counter === undefined) throw new Error('The counter is gone.');
  const { max_number, version } = counter;
  try {
    await repository.updateEntity('templates', id, { max_number: max_number + 1 }, { expectedVersion: version });
    return true;
  } catch (error) {
    if (error instanceof ConcurrencyConflictError) return false;
    throw error;
  }
}

let count = 0;
const end = performance.now() + Number(ms);
while (performance.now() < end) if (await increment()) count++;
process.stdout.write(`${count}\n`);
