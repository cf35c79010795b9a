/** A process that opens the store of each configuration it is sent, one JSON text a line, closes it, and reports what happened. */
import { createInterface } from 'node:readline';
import { openRepository } from '../../../lib/strategies/open-repository.ts';

process.stdout.write('ready\n');
for await (const line of createInterface(process.stdin)) {
  process.stdout.write('opening\n');
  try {
    await (await openRepository(JSON.parse(line))).close();
    process.stdout.write('opened\n');
  } catch (error) {
    process.stdout.write(`${error}\n`);
  }
}
