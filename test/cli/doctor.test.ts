import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type { Finding } from '../../lib/repository/finding.ts';
import { Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeEach(async () => {
  place = await Workplace.create();
});
afterEach(async () => place.remove());

/** The sample of SPEC.md: the request and the machine lack fields that our model requires. */
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
    'machine-456': { machine_id: 'machine-456', request_id: 'req-123', status: 'RUNNING', private_ip: '10.0.1.100' },
  },
};

async function store(content: unknown): Promise<void> {
  await mkdir(place.path('data'), { recursive: true });
  const text = typeof content === 'string' ? content : JSON.stringify(content);
  await writeFile(place.path('data', 'request_database.json'), text);
}

async function doctor(...args: string[]) {
  const { code, stdout, stderr } = await place.hfstorage(['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  const report = JSON.parse(stdout) as {
    ok: boolean;
    errors: number;
    warnings: number;
    findings: Finding[];
    repairs?: Finding[];
  };
  const named = (level: Finding['level']) =>
    report.findings.flatMap((finding) => (finding.level === level ? [`${finding.subject}: ${finding.message}`] : []));
  return { code, report, errors: named('error'), warnings: named('warning'), ok: named('ok') };
}

test('a new store has no findings', async () => {
  const { code, report, errors, ok } = await doctor();
  expect({ code, errors }).toEqual({ code: 0, errors: [] });
  expect(report).toMatchObject({ ok: true, errors: 0, warnings: 0 });
  expect(ok).toEqual(
    expect.arrayContaining([
      `configuration: ${place.path('config.json')} is valid.`,
      'templates: 0 checked, no problems.',
      'machines: 0 checked, no problems.',
    ]),
  );
});

test('records that break a rule of the model are warnings', async () => {
  await store(specSample);
  const { code, warnings, errors } = await doctor();
  expect({ code, errors }).toEqual({ code: 0, errors: [] });
  expect(warnings).toEqual([
    'requests "req-123": request_type is required.',
    'machines "machine-456": template_id is required.',
  ]);
  const people = await place.hfstorage(['doctor']);
  expect(people.stdout).toContain(
    'warning  requests "req-123": request_type is required.\n         Correct these fields with hfstorage update.\n',
  );
  expect(people.stderr).toBe('0 errors, 2 warnings.\n');
});

test('a missing parent is an error if references are enforced, otherwise a warning', async () => {
  const { requests, machines } = specSample;
  const request = { ...requests['req-123'], request_type: 'provision' };
  const machine = { ...machines['machine-456'], template_id: 'template-1' };
  await store({ templates: {}, requests: { 'req-123': request }, machines: { 'machine-456': machine } });
  const messages = [
    'requests "req-123": template_id refers to templates "template-1", which does not exist.',
    'machines "machine-456": template_id refers to templates "template-1", which does not exist.',
  ];
  expect(await doctor()).toMatchObject({ code: 3, errors: messages, warnings: [] });
  const config = JSON.parse(await readFile(place.path('config.json'), 'utf8'));
  config.storage.enforce_references = false;
  await writeFile(place.path('config.json'), JSON.stringify(config));
  expect(await doctor()).toMatchObject({ code: 0, errors: [], warnings: messages });
});

test('output for people lists only the first records, output for programs all', async () => {
  const requests = Object.fromEntries(
    Array.from({ length: 30 }, (_, i) => [`r-${i}`, { ...specSample.requests['req-123'], request_id: `r-${i}` }]),
  );
  await store({ ...specSample, requests, machines: {} });
  const { stdout, stderr } = await place.hfstorage(['doctor']);
  expect(stdout.match(/request_type is required/g)).toHaveLength(20);
  expect(stdout).toContain('warning  requests: 10 more findings are not listed.');
  expect(stderr).toBe('0 errors, 21 warnings.\n');
  expect((await doctor()).report.warnings).toBe(30);
});

test('a damaged file is an error, and --repair restores what was saved', async () => {
  // The second save replaces the file, which creates a backup of the first.
  for (let i = 0; i < 2; i++) {
    await place.hfstorage(['save', 'templates', JSON.stringify(specSample.templates['template-1'])]);
  }
  await store('{"templates": {"template-1": {"templ');
  const { code, errors, warnings } = await doctor();
  expect(code).toBe(3);
  expect(errors[0]).toContain('request_database.json');
  expect(warnings).toContain('entities: They were not checked because the store has errors.');
  const repaired = await doctor('--repair');
  expect(repaired).toMatchObject({ code: 0, errors: [] });
  expect(repaired.report.repairs).not.toHaveLength(0);
  const { stdout } = await place.hfstorage(['get', 'templates', 'template-1', '--json']);
  expect(JSON.parse(stdout)).toMatchObject(specSample.templates['template-1']);
  expect((await place.hfstorage(['doctor', '--repair'])).stdout).toContain('After the repair:\n');
});

test('if a repair cannot prove that nothing is missing, it says so and exits with 3', async () => {
  for (const id of ['template-1', 'template-2']) {
    await place.hfstorage([
      'save',
      'templates',
      JSON.stringify({ ...specSample.templates['template-1'], template_id: id }),
    ]);
  }
  await rm(place.path('data', 'request_database.json.journal'));
  const { code, errors, report } = await doctor('--repair');
  expect(code).toBe(3);
  expect(report).toMatchObject({ ok: false, errors: 1 });
  expect(errors).toEqual([expect.stringMatching(/saves after commit \d may be missing.*newest save found is of 20/)]);
  expect(await doctor()).toMatchObject({ code: 0, errors: [] });
  const { stdout } = await place.hfstorage(['count', 'templates']);
  expect(stdout).toBe('2\n');
});

test('an invalid configuration is a finding', async () => {
  await writeFile(place.path('config.json'), '{}');
  expect(await doctor('--repair')).toMatchObject({
    code: 3,
    errors: [`configuration: ${place.path('config.json')}: storage is required`],
  });
});
