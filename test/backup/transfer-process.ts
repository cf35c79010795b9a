/**
 * A process that moves amounts between machines, two in each transaction, until it is ended: their sum never changes.
 * `transfer-process.ts CONFIG COUNT`. Prints a line once it has begun to move.
 */
import { openRepository } from '../../lib/strategies/open-repository.ts';

const [config, count] = process.argv.slice(2) as [string, string];
const repository = await openRepository(JSON.parse(config));
const anyId = (): string => `m-${Math.floor(Math.random() * Number(count))}`;

for (let moved = 0; ; moved++) {
  const [from, to] = [anyId(), anyId()];
  if (from === to) continue;
  await repository.transaction(async (tx) => {
    const [giver, taker] = [await tx.getEntity('machines', from), await tx.getEntity('machines', to)];
    await tx.updateEntity('machines', from, { amount: Number(giver?.amount) - 1 });
    await tx.updateEntity('machines', to, { amount: Number(taker?.amount) + 1 });
  });
  if (moved === 3) process.stdout.write('moving\n');
}
