/** Sources that hold records which break the rules: SPEC.md's own samples, and what others wrote past this program. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import type { ConfigInput } from '../../lib/config/configuration.ts';
import { compareRepositories, migrateRepository, planMigration } from '../../lib/migration/migrate-repository.ts';
import { migrationIds, openStates } from '../../lib/migration/plan.ts';
import type { Preflight } from '../../lib/migration/report.ts';
import { MigrationError } from '../../lib/repository/errors.ts';
import { rejection } from '../contract/rejection.ts';
import { machine, request, template } from '../contract/samples.ts';
import { sqliteFile } from '../strategies/sql/databases.ts';
import { loadAll } from './awkward-entities.ts';
import { migrateByTasks } from './by-tasks.ts';
import { contentsOf, factories, newFolder, optionsOf } from './migrating.ts';

/** SPEC.md, "File Structure": no versions, no timestamps, no request_type, no template_id of the machine. */
const specSample = {
  templates: {
    'template-1': {
      template_id: 'template-1',
      name: 'Standard Template',
      provider_api: 'RunInstances',
      vm_type: 't3.medium',
      max_number: 10,
    },
  },
  requests: {
    'req-123': { request_id: 'req-123', template_id: 'template-1', machine_count: 3, status: 'COMPLETED' },
  },
  machines: {
    'machine-456': {
      machine_id: 'machine-456',
      request_id: 'req-123',
      status: 'RUNNING',
      private_ip: '10.0.1.100',
    },
  },
};

/** Records as another program wrote them, by their ids. */
type Records = Readonly<Record<keyof typeof specSample, Readonly<Record<string, object>>>>;

/** A JSON store that holds what somebody else wrote, and a folder for the log. */
async function given(records: Records) {
  await using stack = new AsyncDisposableStack();
  const folder = stack.use(await newFolder());
  const source: { config: ConfigInput } = {
    config: { storage: { strategy: 'json', json_strategy: { base_path: folder.path } } },
  };
  const file = join(folder.path, 'request_database.json');
  await writeFile(file, JSON.stringify(records));
  const target = stack.use(await factories.sqlite.open());
  const opened = stack.move();
  return { source, target, folder: folder.path, file, [Symbol.asyncDispose]: () => opened.disposeAsync() };
}

test("SPEC.md's own samples: what can be derived is derived, in every target", async () => {
  for (const type of ['sqlite', 'postgresql'] as const) {
    await using open = await given(specSample);
    await using target = await factories[type].open();
    const report = await migrateRepository(optionsOf(open.source, target, open.folder));
    expect(report).toMatchObject({ outcome: 'succeeded', validation: { listed: [] } });
    const { repository } = target;
    expect(await repository.getEntity('templates', 'template-1')).toEqual({
      ...specSample.templates['template-1'],
      version: 1,
    });
    expect(await repository.getEntity('requests', 'req-123')).toEqual({
      ...specSample.requests['req-123'],
      request_type: 'provision',
      version: 1,
    });
    expect(await repository.getEntity('machines', 'machine-456')).toEqual({
      ...specSample.machines['machine-456'],
      template_id: 'template-1',
      version: 1,
    });
    expect(JSON.parse(await readFile(open.file, 'utf8'))).toEqual(specSample);
  }
});

test("SPEC.md's own samples into DynamoDB, which holds them as they are", async () => {
  await using open = await given(specSample);
  await using target = await factories.dynamodb.open();
  expect(await migrateRepository(optionsOf(open.source, target, open.folder))).toMatchObject({
    outcome: 'succeeded',
    validation: { listed: [] },
  });
  expect(await target.repository.getEntity('machines', 'machine-456')).toEqual({
    ...specSample.machines['machine-456'],
    version: 1,
  });
});

/** A template without what nothing can be derived from, its request and machine; a machine of nobody; one sound of each. */
const broken: Records = {
  templates: { ...specSample.templates, 'template-2': { template_id: 'template-2', name: 'No limit', vm_type: 'm5' } },
  requests: {
    ...specSample.requests,
    'req-2': { request_id: 'req-2', template_id: 'template-2', machine_count: 1, status: 'PENDING' },
  },
  machines: {
    ...specSample.machines,
    'machine-2': { machine_id: 'machine-2', request_id: 'req-2', status: 'RUNNING' },
    'machine-3': { machine_id: 'machine-3', request_id: 'nobody', template_id: 'template-1', status: 'RUNNING' },
    'machine-4': { machine_id: 'machine-4', request_id: 'req-123', status: ['RUNNING'] },
  },
};
/** What a comparison says of those where they were left out. */
const missing = {
  differences: { missing: 5, different: 0, newer: 0, extra: 0 },
  listed: expect.arrayContaining([
    { collection: 'templates', id: 'template-2', kind: 'missing' },
    { collection: 'requests', id: 'req-2', kind: 'missing' },
    { collection: 'machines', id: 'machine-2', kind: 'missing' },
    { collection: 'machines', id: 'machine-3', kind: 'missing' },
    { collection: 'machines', id: 'machine-4', kind: 'missing' },
  ]),
};
const incompatibleTotals = { templates: 1, requests: 1, machines: 3 };

describe('records that cannot be made to fit an SQL target', () => {
  test('stop the migration before anything is written, and are named with their paths and counts', async () => {
    await using open = await given(broken);
    const found: Preflight[] = [];
    const options = optionsOf(open.source, open.target, open.folder, { checked: (preflight) => found.push(preflight) });
    const error = await rejection(migrateRepository(options));
    expect(error).toBeInstanceOf(MigrationError);
    expect(error.message).toContain('cannot hold 1 templates, 1 requests, 3 machines');
    expect(error.message).toContain('templates "template-2": provider_api is required; max_number is required');
    expect(error.message).toContain('Nothing was written. Correct them, give defaults in migration.defaults');
    expect(await contentsOf(open.target.strategy)).toEqual([]);
    const [{ incompatible, totals, ...preflight } = { incompatible: [], totals: {} }] = found;
    expect(preflight).toMatchObject({ incompatibleTotals });
    expect(totals).toEqual({ templates: 2, requests: 2, machines: 4 });
    const problemsOf = Object.fromEntries(incompatible.map(({ id, problems }) => [id, problems]));
    expect(problemsOf).toMatchObject({
      'template-2': [{ path: 'provider_api' }, { path: 'max_number' }],
      'req-2': [{ path: 'template_id', message: 'refers to templates "template-2", which does not fit either' }],
      'machine-3': [{ path: 'request_id', message: 'refers to requests "nobody", which does not exist' }],
      'machine-4': [{ path: 'status', message: 'must be a string' }],
    });
    expect(problemsOf['machine-2']?.map(({ path }) => path)).toContain('request_id');
    expect(Object.keys(problemsOf)).toHaveLength(5);
  });

  test('are listed by a dry run, which leaves no trace', async () => {
    await using open = await given(broken);
    const preflight = await planMigration(optionsOf(open.source, open.target, open.folder));
    expect(preflight).toMatchObject({ incompatibleTotals });
    expect(await contentsOf(open.target.strategy)).toEqual([]);
    expect(await migrationIds(await openStates(optionsOf(open.source, open.target, open.folder).config))).toEqual([]);
  });

  test('are left out with on_invalid skip, with their children, and are missing in the comparison', async () => {
    await using open = await given(broken);
    const section = { on_invalid: 'skip' as const, cleanup_source: true };
    const report = await migrateRepository(optionsOf(open.source, open.target, open.folder, { section }));
    expect(report).toMatchObject({
      outcome: 'differences',
      collections: {
        templates: { read: 2, copied: 1, skipped: 1 },
        requests: { read: 2, copied: 1, skipped: 1 },
        machines: { read: 4, copied: 1, skipped: 3 },
      },
      validation: { templates: 1, requests: 1, machines: 1, ...missing },
    });
    // Only a comparison without differences lets the source be cleaned up.
    expect(report).not.toHaveProperty('removed');
    expect((await contentsOf(open.target.strategy)).map((text) => text.split(' ')[0])).toEqual([
      'machines',
      'requests',
      'templates',
    ]);
    expect(JSON.parse(await readFile(open.file, 'utf8'))).toEqual(broken);
    expect(await compareRepositories(optionsOf(open.source, open.target, open.folder))).toMatchObject(missing);
  });

  test('are missing for the tasks of a state machine too, one after the other', async () => {
    await using open = await given(broken);
    const section = { on_invalid: 'skip' as const, cleanup_source: true };
    const report = await migrateByTasks(optionsOf(open.source, open.target, open.folder, { section }));
    expect(report).toMatchObject({ outcome: 'differences', validation: missing });
    expect(report).not.toHaveProperty('removed');
    expect(JSON.parse(await readFile(open.file, 'utf8'))).toEqual(broken);
  });

  test('are different where the target has them in another form, and no extras that may be deleted', async () => {
    await using open = await given(broken);
    const theirs = { ...specSample.templates['template-1'], template_id: 'template-2' };
    await open.target.repository.saveEntity('templates', theirs);
    const section = { on_invalid: 'skip' as const };
    const settings = { merge: true, delete_extra: true };
    const report = await migrateRepository(optionsOf(open.source, open.target, open.folder, { section, settings }));
    expect(report.validation?.listed).toContainEqual({ collection: 'templates', id: 'template-2', kind: 'different' });
    expect(report.validation?.differences).toEqual({ missing: 4, different: 1, newer: 0, extra: 0 });
    expect(await open.target.repository.getEntity('templates', 'template-2')).toMatchObject(theirs);
  });

  test('fit with a default for each field that they lack', async () => {
    const { 'machine-3': _, 'machine-4': __, ...machines } = broken.machines;
    await using open = await given({ ...broken, machines });
    const defaults = { templates: { provider_api: 'RunInstances', max_number: -1, name: 'never used' } };
    const section = { defaults };
    const report = await migrateRepository(optionsOf(open.source, open.target, open.folder, { section }));
    expect(report).toMatchObject({ outcome: 'succeeded', collections: { machines: { copied: 2, skipped: 0 } } });
    expect(await open.target.repository.getEntity('templates', 'template-2')).toEqual({
      template_id: 'template-2',
      name: 'No limit',
      vm_type: 'm5',
      provider_api: 'RunInstances',
      max_number: -1,
      version: 1,
    });
    expect(await open.target.repository.getEntity('machines', 'machine-2')).toMatchObject({
      template_id: 'template-2',
    });
  });

  test('that nobody refers to are children without parents, where references are not enforced', async () => {
    const { 'machine-3': orphan } = broken.machines;
    await using open = await given({ ...specSample, machines: { 'machine-3': orphan as object } });
    await using target = await factories.sqlite.open({ enforceReferences: false });
    expect(await migrateRepository(optionsOf(open.source, target, open.folder))).toMatchObject({
      outcome: 'succeeded',
      collections: { machines: { copied: 1, skipped: 0 } },
    });
  });
});

describe('what is damaged where it is stored', () => {
  test('a JSON file that is cut off: said before anything is written, and it stays as it is', async () => {
    await using open = await given(specSample);
    const damaged = (await readFile(open.file, 'utf8')).slice(0, -20);
    await writeFile(open.file, damaged);
    const error = await rejection(migrateRepository(optionsOf(open.source, open.target, open.folder)));
    expect(error).toBeInstanceOf(MigrationError);
    expect(error.message).toMatch(/^The source, json .*request_database\.json, cannot be read\. /);
    expect((error.cause as { code?: string }).code).toBe('storage_damaged');
    expect(await contentsOf(open.target.strategy)).toEqual([]);
    expect(await readFile(open.file, 'utf8')).toBe(damaged);
  });

  test('a row whose extra column is no JSON: copied as the text that it is', async () => {
    await using source = await factories.sqlite.open();
    const [parent, child] = [{ ...template(), version: 1 }, request('x')];
    const sound = { ...child, template_id: parent.template_id, request_type: 'provision', version: 2 };
    const entities = { templates: [parent], requests: [sound], machines: [{ ...machine(sound), version: 3 }] };
    await loadAll(source.strategy, entities as never);
    const file = sqliteFile((source.config.storage.sql_strategy as { name: string }).name, async () => {});
    await file.run("UPDATE machines SET extra = '{broken' WHERE 1");
    await file.run("UPDATE requests SET tags = 'no JSON', completed_at = 'yesterday' WHERE 1");

    await using json = await factories.json.open();
    const byText = { outcome: 'succeeded', validation: { listed: [] } };
    await using folder = await newFolder();
    expect(await migrateRepository(optionsOf(source, json, folder.path))).toMatchObject(byText);
    const machineId = String(entities.machines[0]?.machine_id);
    expect(await json.repository.getEntity('machines', machineId)).toMatchObject({ extra: '{broken' });
    expect(await json.repository.getEntity('requests', sound.request_id)).toMatchObject({
      tags: 'no JSON',
      completed_at: 'yesterday',
    });

    // PostgreSQL has a type for each: what is none is named.
    await using postgresql = await factories.postgresql.open();
    const error = await rejection(migrateRepository(optionsOf(source, postgresql, folder.path)));
    expect(error.message).toContain(`requests ${JSON.stringify(sound.request_id)}: `);
    expect(error.message).toMatch(/tags must be|completed_at must be/);
    expect(await contentsOf(postgresql.strategy)).toEqual([]);
  });
});
