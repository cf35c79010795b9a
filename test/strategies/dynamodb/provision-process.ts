/** A process that provisions: `provision-process.ts CONFIG ORDER`. It prints `ready`, and `done` once it has. */
import { provision } from '../../../lib/service/operations/provision.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';

const [config, order] = process.argv.slice(2) as [string, string];
const repository = await openRepository(JSON.parse(config));
process.stdout.write('ready\n');
await provision(repository, JSON.parse(order));
process.stdout.write('done\n');
await repository.close();
