/** Behaviour of the Repository over HTTP beyond, or different from, the contract of all repositories. */
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import type { HttpRepository } from '../../lib/remote/http-repository.ts';
import { RemoteCallError } from '../../lib/remote/remote-errors.ts';
import { TemplateNotFoundError, UnsupportedOperationError, type ValidationError } from '../../lib/repository/errors.ts';
import { rejection } from '../contract/rejection.ts';
import { machine, newId, request, saveMachine, saveRequest, saveTemplate, template } from '../contract/samples.ts';
import { type RemoteApi, startRemoteApi } from './remote-api.ts';

let remote: RemoteApi;
let repository: HttpRepository;
beforeAll(async () => {
  remote = await startRemoteApi();
  repository = remote.open();
});
afterAll(() => remote.close());

test('more than 100 entities are not created together, and none is sent', async () => {
  const before = remote.gateway.calls.length;
  const entities = Array.from({ length: 101 }, () => ({ collection: 'templates', entity: template() }) as const);
  const error = await rejection(repository.createTogether(entities));
  expect(error).toBeInstanceOf(UnsupportedOperationError);
  expect(error.message).toMatch(/at most 100 .* not 101\. .* use provision/);
  expect(remote.gateway.calls).toHaveLength(before);
  const created = await repository.createTogether(entities.slice(1));
  expect(created).toHaveLength(100);
});

test('a request with 10,000 machines is provisioned, and all of them are returned', async () => {
  // Ids so long that the machines do not fit into one answer.
  const { template_id } = await saveTemplate(repository, { template_id: 't'.repeat(255), max_number: -1 });
  const body = { template_id, machine_count: 10_000, request_id: 'r'.repeat(255), tags: { a: [1] } };
  const first = await repository.provision(body);
  expect(first).toMatchObject({ created: true, request: { request_id: body.request_id, tags: { a: [1] } } });
  expect(new Set(first.machines.map(({ machine_id }) => machine_id)).size).toBe(10_000);
  const second = await repository.provision(body);
  expect(second.created).toBe(false);
  expect(second.machines).toEqual(first.machines);
});

test('an invalid provision call is refused as by the service', async () => {
  const { template_id } = await saveTemplate(repository, { max_number: 1 });
  const body = { template_id, machine_count: 1, request_id: newId('request') };
  await repository.provision(body);
  const differs = await rejection(repository.provision({ ...body, tags: { a: 1 } }));
  expect(differs).toBeInstanceOf(RemoteCallError);
  expect(differs).toMatchObject({ code: 'request_differs', status: 409 });
  const tooMany = await rejection(repository.provision({ template_id, machine_count: 2 }));
  expect((tooMany as ValidationError).problems[0]?.path).toBe('machine_count');
  const missing = newId('template');
  const orphan = await rejection(repository.provision({ template_id: missing, machine_count: 1 }));
  expect(orphan).toBeInstanceOf(TemplateNotFoundError);
  expect(orphan).toMatchObject({ parentId: missing });
});

test('queries cannot be explained', async () => {
  expect(await rejection(repository.queryEntities('templates', { explain: true }))).toMatchObject({
    code: 'unsupported_operation',
    message: expect.stringContaining('Leave out explain'),
  });
});

test('a filter without values matches nothing', async () => {
  await saveTemplate(repository);
  const filters = { name: [] };
  expect(await repository.queryEntities('templates', { filters })).toEqual({ items: [] });
  expect(await repository.countEntities('templates', { filters, groupBy: 'name' })).toEqual({ count: 0, groups: {} });
});

test('a query too long for a URL is refused with its reason', async () => {
  const direct = remote.open({ url: remote.api.url });
  for (const length of [17, 200]) {
    const name = Array.from({ length: 100 }, (_, i) => `${i}${'漢'.repeat(length)}`);
    const error = await rejection(direct.queryEntities('templates', { filters: { name } }));
    expect(error).toMatchObject({ code: 'headers_too_large', status: 431 });
  }
});

test('any call can be made', async () => {
  const { status, body } = await repository.api.call({ method: 'GET', path: '/v1/openapi.json', effect: 'read' });
  expect({ status, openapi: body.openapi }).toEqual({ status: 200, openapi: '3.1.0' });
  const unknown = repository.api.call({ method: 'POST', path: '/v1/backups/x/y', body: {}, effect: 'unguarded' });
  await expect(unknown).rejects.toMatchObject({ code: 'unknown_path', problem: { status: 404 } });
});

test('a transaction is one call per read, and one for the commit', async () => {
  const parent = await saveRequest(repository);
  const before = remote.gateway.calls.length;
  await repository.transaction(async (tx) => {
    await tx.getEntity('templates', parent.template_id);
    await tx.saveEntity('machines', machine(parent));
    await tx.updateEntity('requests', parent.request_id, { status: 'RUNNING' });
  });
  const calls = remote.gateway.calls.slice(before).map((call) => call.replace(/-\d+$/, ''));
  expect(calls).toEqual([
    'GET /v1/templates/template',
    'GET /v1/machines/machine',
    'GET /v1/requests/request',
    'POST /v1/transactions',
  ]);
  const { operations } = JSON.parse(remote.gateway.last.body.toString());
  expect(operations).toMatchObject([
    { action: 'check', collection: 'templates', expected_version: 1 },
    { action: 'save', collection: 'machines', expected_version: 0 },
    { action: 'update', collection: 'requests', expected_version: 1 },
  ]);
});

test('a write on the repository inside a transaction is refused', async () => {
  const inside = repository.transaction(() => repository.saveEntity('templates', template()));
  expect(await rejection(inside)).toBeInstanceOf(UnsupportedOperationError);
});

test('an entity deleted and recreated has its old version, and counts as unchanged: the API checks only versions', async () => {
  const [read, written] = [await saveTemplate(repository), await saveTemplate(repository)];
  await repository.transaction(async (tx) => {
    await tx.getEntity('templates', read.template_id);
    await remote.api.repository.deleteEntity('templates', read.template_id);
    await saveTemplate(remote.api.repository, { template_id: read.template_id, name: 'Again' });
    await tx.updateEntity('templates', written.template_id, { name: 'Written' });
  });
  expect(await repository.getEntity('templates', written.template_id)).toMatchObject({ name: 'Written', version: 2 });
});

test('a child created between a transaction’s check and its commit protects the parent', async () => {
  const { request_id, template_id } = await saveRequest(repository);
  const deleting = repository.transaction(async (tx) => {
    await tx.deleteEntity('requests', request_id);
    await saveMachine(remote.api.repository, { request_id, template_id });
  });
  expect(await rejection(deleting)).toMatchObject({ code: 'entity_in_use', id: request_id, referencedBy: 'machines' });
  expect(await repository.getEntity('requests', request_id)).toBeDefined();
});

test('if the service does not enforce references, neither does a transaction configured accordingly', async () => {
  const lax = remote.open({ enforceReferences: false });
  const sent = request(newId('template'));
  // This service does enforce them: its answer decides.
  expect(await rejection(lax.transaction((tx) => tx.saveEntity('requests', sent)))).toBeInstanceOf(
    TemplateNotFoundError,
  );
});

test('an entity written more often than a transaction has operations is refused before anything is sent', async () => {
  const { template_id } = await saveTemplate(repository);
  const writing = repository.transaction(async (tx) => {
    for (let i = 0; i < 101; i++) await tx.updateEntity('templates', template_id, { max_number: i + 1 });
  });
  expect(await rejection(writing)).toMatchObject({ code: 'transaction_too_large' });
  expect(await repository.getEntity('templates', template_id)).toMatchObject({ version: 1 });
});

test('a batch whose entities others change before they are read back still returns what it saved', async () => {
  const one = template({ name: 'Sent', created_at: '2026-01-01T00:00:00Z' });
  const { template_id } = one;
  // The first attempt to read them back is delayed until another caller has written.
  remote.gateway.fate(/batch.get/, { status: 503, headers: { 'Retry-After': '1' } });
  const saving = repository.saveEntities('templates', [one]);
  while ((await remote.api.repository.getEntity('templates', template_id)) === undefined) await sleep(5);
  await remote.api.repository.updateEntity('templates', template_id, { name: 'Other' });
  const [result] = await saving;
  expect(result).toMatchObject({
    status: 'saved',
    entity: { name: 'Sent', version: 1, created_at: '2026-01-01T00:00:00.000Z', updated_at: expect.any(String) },
  });
});
