/** Several processes on one store, and processes that are killed while they write. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { expect, test } from '@jest/globals';
import { onEveryStore } from './on-every-store.ts';
import { queryAll } from './paging.ts';
import { request, saveTemplate } from './samples.ts';
import type { OpenStore } from './stores.ts';

const PROGRAM = join(import.meta.dirname, 'writer-process.ts');

function startWriter(
  { config }: OpenStore,
  mode: 'count' | 'save',
  templateId: string,
  argument: string,
): ChildProcess {
  const args = [PROGRAM, JSON.stringify(config), mode, templateId, argument];
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'], windowsHide: true });
}

/** Runs a writer until it has acknowledged this many saves, and kills it in the middle of the next ones. */
async function killAfter(writer: ChildProcess, saves: number): Promise<string[]> {
  const acknowledged: string[] = [];
  const ended = once(writer, 'close');
  if (writer.stdout === null) throw new Error('The writer has no output.');
  for await (const line of createInterface(writer.stdout)) {
    acknowledged.push(line);
    if (acknowledged.length === saves) writer.kill('SIGKILL');
  }
  await ended;
  expect(acknowledged.length).toBeGreaterThanOrEqual(saves);
  return acknowledged;
}

onEveryStore((_, factory) => {
  // The S3 server of the tests takes ten times as long for a write as any other store.
  const few = factory.backend === 's3';

  test('no update of several processes is lost', async () => {
    await using open = await factory.open();
    const { template_id } = await saveTemplate(open.repository, { max_number: 1 });
    const TIMES = few ? 4 : 10;
    const writers = [1, 2, 3].map(() => startWriter(open, 'count', template_id, `${TIMES}`));
    const codes = await Promise.all(writers.map(async (writer) => (await once(writer, 'close'))[0]));
    expect(codes).toEqual([0, 0, 0]);
    const counter = await open.repository.getEntity('templates', template_id);
    expect(counter).toMatchObject({ max_number: 1 + 3 * TIMES, version: 1 + 3 * TIMES });
  });

  test('acknowledged saves survive the kill of every writer, and the store keeps working', async () => {
    await using open = await factory.open();
    const { template_id } = await saveTemplate(open.repository);
    for (const round of [1, 2]) {
      const writers = ['a', 'b'].map((name) => startWriter(open, 'save', template_id, `${round}-${name}`));
      const acknowledged = (await Promise.all(writers.map((writer) => killAfter(writer, few ? 12 : 30)))).flat();
      await open.crash();
      await open.repository.health();
      const found = await queryAll(open.repository, 'requests', { filters: { template_id } });
      const ids = new Set(found.map(({ request_id }) => request_id));
      expect(acknowledged.filter((id) => !ids.has(id))).toEqual([]);
      for (const entity of found) expect(entity).toMatchObject({ version: 1, metadata: { filler: 'x'.repeat(500) } });
      const saved = await open.repository.saveEntity('requests', request(template_id));
      expect(saved.version).toBe(1);
      await open.repository.deleteEntity('requests', saved.request_id);
      await open.reopen();
      const later = await queryAll(open.repository, 'requests', { filters: { template_id } });
      // A server may still have executed an unacknowledged call of a killed writer.
      expect(later.filter(({ request_id }) => ids.has(request_id))).toEqual(found);
    }
  });
});
