/**
 * A process that writes to a store: `writer-process.ts CONFIG count ID TIMES` adds to a template's max_number in
 * transactions, `writer-process.ts CONFIG save TEMPLATE PREFIX` saves requests of the template until it is killed and
 * prints the id of each one once the save is acknowledged.
 */
import { openRepository } from '../../lib/strategies/open-repository.ts';

const AT_ONCE = 5;

const [config, mode, templateId, argument] = process.argv.slice(2) as [string, string, string, string];
const repository = await openRepository(JSON.parse(config));

async function count(times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    await repository.transaction(async (tx) => {
      const template = await tx.getEntity('templates', templateId);
      if (template === undefined) throw new Error('The counter is gone.');
      await tx.updateEntity('templates', templateId, { max_number: template.max_number + 1 });
    });
  }
}

async function save(prefix: string): Promise<never> {
  for (let i = 0; ; i++) {
    const request_id = `${prefix}-${i}`;
    await repository.saveEntity('requests', {
      request_id,
      template_id: templateId,
      machine_count: i,
      status: 'PENDING',
      metadata: { filler: 'x'.repeat(500) },
    });
    process.stdout.write(`${request_id}\n`);
  }
}

if (mode === 'count') {
  await count(Number(argument));
  await repository.close();
} else {
  await Promise.all(Array.from({ length: AT_ONCE }, (_, i) => save(`${argument}-${i}`)));
}
