/** connection_proxy: no session state, since the proxy gives each transaction another session. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { expect, test } from '@jest/globals';
import type { StorageRepository } from '../../../../lib/repository/storage-repository.ts';
import { saveAll, saveTemplate, template } from '../../../contract/samples.ts';
import { unavailability } from './readable.ts';
import { openBehindProxy, openStore, type SqlSettings } from './store-behind-proxy.ts';

/** The parameters with which a store opens a connection; they are not answered. */
async function startupParameters(settings: SqlSettings): Promise<Readonly<Record<string, string>>> {
  const { promise, resolve } = Promise.withResolvers<Buffer>();
  const listener = createServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', (bytes) => {
      resolve(bytes);
      socket.destroy();
    });
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  await unavailability(openStore(`postgresql://app:secret@127.0.0.1:${port}/hostfactory`, settings));
  listener.close();
  // Length and version, then names and values, each with a zero byte after it.
  const words = (await promise).toString('utf8', 8).split('\0');
  const parameters: Record<string, string> = {};
  for (let i = 0; words[i]; i += 2) parameters[words[i] as string] = words[i + 1] as string;
  return parameters;
}

async function useAll(store: StorageRepository): Promise<void> {
  const { template_id: id } = await saveTemplate(store);
  await saveAll(store, 'templates', [template(), template()]);
  for (let i = 0; i < 2; i++) {
    await store.getEntity('templates', id);
    await store.updateEntity('templates', id, { name: `Name ${i}` });
    await store.transaction((tx) => tx.updateEntity('templates', id, { max_number: i + 1 }));
  }
  await store.queryEntities('templates');
  await store.deleteEntity('templates', id);
}

test('a session gets its limits at the start; behind a proxy it gets only the login', async () => {
  const who = { user: 'app', database: 'hostfactory', application_name: 'hfstorage', client_encoding: 'UTF8' };
  const limits = { statement_timeout: '7000', idle_in_transaction_session_timeout: '7000' };
  expect(await startupParameters({ timeout: 7 })).toEqual({ ...who, ...limits });
  expect(await startupParameters({ timeout: 7, connection_proxy: true })).toEqual(who);
});

test('behind a proxy no statement is prepared by name, and nothing is set', async () => {
  await using plain = await openBehindProxy();
  await using proxied = await openBehindProxy({ connection_proxy: true });
  for (const { store } of [plain, proxied]) await useAll(store);
  const parsed = ({ proxy }: typeof plain) => proxy.messages.filter(({ type }) => type === 'P').map(({ text }) => text);
  expect(new Set(parsed(plain)).size).toBe(parsed(plain).length);
  // Parsed each time: only a statement without a name can be parsed again.
  expect(new Set(parsed(proxied)).size).toBeLessThan(parsed(proxied).length);
  const session = /\b(SET|RESET|LISTEN|PREPARE|DISCARD|TEMP|DECLARE|pg_advisory_lock|set_config)\b/i;
  for (const { text = '' } of proxied.proxy.messages) {
    if (!/^(UPDATE|INSERT)/.test(text)) expect(text).not.toMatch(session);
  }
});
