/** Calls that provision thousands of machines. */
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type Body, type Reply, type RunningApi, startApi } from './running-api.ts';

let api: RunningApi;
beforeAll(async () => {
  api = await startApi();
  await api.saveTemplate('free');
});
afterAll(() => api.close());

const provision = (body: Body) => api.call('POST', '/v1/provision-requests', { body });
const machinesOf = ({ body }: Reply) => body.machines as Body[];

describe('POST /v1/provision-requests', () => {
  test('answers 10,000 machines at once if they fit', async () => {
    const reply = await provision({ template_id: 'free', machine_count: 10_000, request_id: 'large' });
    expect(reply.status).toBe(201);
    expect(machinesOf(reply)).toHaveLength(10_000);
    expect(reply.body).not.toHaveProperty('next_cursor');
    const again = await provision({ template_id: 'free', machine_count: 10_000, request_id: 'large' });
    expect(again.status).toBe(200);
    expect(again.body).toEqual(reply.body);
  });

  test('ends the list early if they do not fit, with a cursor for the query that continues', async () => {
    const request_id = '漢'.repeat(255);
    const body = { template_id: 'free', machine_count: 6_000, request_id };
    const seen = new Set<unknown>();
    for (const status of [201, 200]) {
      const reply = await provision(body);
      expect(reply.status).toBe(status);
      expect(Buffer.byteLength(reply.text)).toBeLessThan(5_000_000);
      seen.clear();
      for (const { machine_id } of machinesOf(reply)) seen.add(machine_id);
      expect(seen.size).toBeLessThan(6_000);
      for (let cursor = reply.body.next_cursor; cursor !== undefined; ) {
        const path = `/v1/machines?request_id=${encodeURIComponent(request_id)}&limit=1000&cursor=${cursor}`;
        const { body } = await api.call('GET', path);
        for (const { machine_id } of body.items as Body[]) {
          expect(seen.has(machine_id)).toBe(false);
          seen.add(machine_id);
        }
        cursor = body.next_cursor;
      }
      expect(seen.size).toBe(6_000);
    }
  });
});
