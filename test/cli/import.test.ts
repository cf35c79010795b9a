import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { mapTemplate } from '../../lib/cli/host-factory-templates.ts';
import { sampleFile, Workplace } from './run-hfstorage.ts';

let place: Workplace;
beforeEach(async () => {
  place = await Workplace.create();
});
afterEach(async () => place.remove());

const get = async (id: string) => JSON.parse((await place.hfstorage(['get', 'templates', id, '--json'])).stdout);

test('the sample file is imported completely; importing it again replaces the templates', async () => {
  expect(await place.hfstorage(['import', sampleFile])).toEqual({
    code: 0,
    stdout: [
      'template_id                  version',
      'test-template-1              1',
      'test-template-2              1',
      'native-launch-template-spec  1',
      'native-provider-api-spec     1',
      'native-both-specs            1\n',
    ].join('\n'),
    stderr: 'Imported 5 of 5 templates.\n',
  });
  const { templates } = JSON.parse(await readFile(sampleFile, 'utf8'));
  const { templateId, providerApi, vmType, maxNumber, imageId, subnetId, securityGroupIds, ...kept } = templates[4];
  expect(await get('native-both-specs')).toEqual({
    ...kept,
    template_id: templateId,
    name: templateId,
    provider_api: providerApi,
    vm_type: vmType,
    max_number: maxNumber,
    image_id: imageId,
    subnet_ids: [subnetId],
    security_group_ids: securityGroupIds,
    created_at: expect.any(String),
    updated_at: expect.any(String),
    version: 1,
  });
  await place.hfstorage(['update', 'templates', 'test-template-1', '--set', 'mine=1', '--set', 'max_number=9']);
  const again = await place.hfstorage(['import', sampleFile, '--json']);
  expect(JSON.parse(again.stdout).imported[0]).toEqual({ template_id: 'test-template-1', version: 3 });
  const replaced = await get('test-template-1');
  expect(replaced).toMatchObject({ max_number: 1, version: 3 });
  expect(replaced).not.toHaveProperty('mine');
});

test('a template that cannot be converted is named, and the rest is imported', async () => {
  const good = { templateId: 'good', providerApi: 'RunInstances', vmType: 't3.small', maxNumber: 1 };
  const templates = [
    { ...good, maxNumber: 0 },
    good,
    'text',
    { ...good, templateId: 'versioned', version: '3' },
    { ...good, maxNumber: 2 },
    { ...good, templateId: 'both', template_id: 'other' },
    { ...good, templateId: undefined },
    { ...good, templateId: 'last', vmType: null, vmTypes: {} },
  ];
  const { code, stdout, stderr } = await place.hfstorage(['import', '-', '--json'], {
    input: JSON.stringify({ templates }),
  });
  expect(code).toBe(1);
  expect(stderr.split('\n')).toEqual([
    'hfstorage: templates[0] "good" was not imported: max_number must be at least 1, or -1 for no limit',
    'hfstorage: templates[1] "good" was not imported: an earlier template has the same templateId',
    'hfstorage: templates[2] was not imported: it is not a JSON object',
    'hfstorage: templates[3] was not imported: its key version is a field that the store sets itself; remove or rename it',
    'hfstorage: templates[4] "good" was not imported: an earlier template has the same templateId',
    'hfstorage: templates[5] was not imported: it has more than one key for template_id; keep one',
    'hfstorage: templates[6] was not imported: template_id is required; name is required',
    'hfstorage: templates[7] "last" was not imported: vm_type is required',
    '',
  ]);
  expect(JSON.parse(stdout)).toMatchObject({ imported: [], failed: expect.any(Array) });
  const rest = await place.hfstorage(['import', '-'], {
    input: JSON.stringify([templates[0], { ...good, templateId: 'fine' }]),
  });
  expect(rest).toMatchObject({ code: 1, stdout: 'template_id  version\nfine         1\n' });
  expect(rest.stderr).toContain('Imported 1 of 2 templates.');
});

test('a file larger than one batch, with an id that is repeated in a later one', async () => {
  const templates = Array.from({ length: 1002 }, (_, i) => ({
    templateId: `t-${i % 1001}`,
    providerApi: 'RunInstances',
    vmType: 't3.small',
    maxNumber: 1,
  }));
  await writeFile(place.path('large.json'), JSON.stringify({ templates }));
  const { code, stderr } = await place.hfstorage(['import', place.path('large.json')]);
  expect(code).toBe(1);
  expect(stderr).toBe(
    'hfstorage: templates[1001] "t-0" was not imported: an earlier template has the same templateId\nImported 1001 of 1002 templates.\n',
  );
});

test('a file of another kind is refused', async () => {
  const { code, stderr } = await place.hfstorage(['import', '-'], { input: '{"requests":[]}' });
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'hfstorage: - is not a provider template file: it has no list "templates".\n',
  });
});

test.each([
  [{ vmTypes: ['a', 'b'] }, { vm_type: 'a', vmTypes: ['a', 'b'] }],
  [{ vmTypes: { 't3.small': 1, 't3.large': 2 } }, { vm_type: 't3.small', vmTypes: { 't3.small': 1, 't3.large': 2 } }],
  [
    { vmType: 'own', vmTypes: ['a'] },
    { vm_type: 'own', vmTypes: ['a'] },
  ],
  [{ subnetId: 's-1, s-2' }, { subnet_ids: ['s-1', 's-2'] }],
  [{ subnetIds: ['s-1'], subnetId: 's-1,s-3' }, { subnet_ids: ['s-1', 's-3'] }],
  [
    { name: 'Mine', templateId: 't' },
    { name: 'Mine', template_id: 't' },
  ],
  [{ fleetType: 'instant', keyName: null }, { fleetType: 'instant' }],
])('%j becomes %j', (source, fields) => {
  expect(mapTemplate(source)).toEqual({ fields });
});
