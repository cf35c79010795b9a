import { describe, expect, test } from '@jest/globals';
import type { CollectionName } from '../../lib/model/collections.ts';
import { MAX_ENTITY_BYTES } from '../../lib/model/limits.ts';
import { checkChanges, checkEntity, checkField, idProblem, recordProblems } from '../../lib/model/validation.ts';

const valid: Record<CollectionName, Record<string, unknown>> = {
  templates: { template_id: 't', name: 'n', provider_api: 'p', vm_type: 'v', max_number: 1 },
  requests: { request_id: 'r', template_id: 't', machine_count: 0, status: 's' },
  machines: { machine_id: 'm', request_id: 'r', template_id: 't', status: 's' },
};

const messagesOf = (collection: CollectionName, fields: Record<string, unknown>): string[] =>
  checkEntity(collection, { ...valid[collection], ...fields }).problems.map(
    ({ path, message }) => `${path} ${message}`,
  );

describe('checkEntity', () => {
  test.each(['templates', 'requests', 'machines'] as const)('%s: every required field is checked', (collection) => {
    const { problems } = checkEntity(collection, {});
    const paths = problems.map(({ path }) => path);
    // An omitted template of a machine comes from its request.
    const needed = Object.keys(valid[collection]).filter((name) => collection !== 'machines' || name !== 'template_id');
    expect(paths.toSorted()).toEqual(needed.toSorted());
    expect(new Set(problems.map(({ message }) => message))).toEqual(new Set(['is required']));
    expect(checkEntity(collection, valid[collection]).problems).toEqual([]);
  });

  const cases: readonly [CollectionName, string, unknown, string][] = [
    ['templates', 'name', '', 'must not be empty'],
    ['templates', 'name', null, 'is required'],
    ['templates', 'name', 5, 'must be a string'],
    ['templates', 'name', 'x'.repeat(256), 'must have at most 255 characters, not 256'],
    ['templates', 'vm_type', '😀'.repeat(51), 'must have at most 50 characters, not 51'],
    ['templates', 'template_id', 'a\tb', 'must not contain control characters'],
    ['templates', 'max_number', 0, 'must be at least 1, or -1 for no limit'],
    ['templates', 'max_number', -2, 'must be at least 1, or -1 for no limit'],
    ['templates', 'max_number', 1.5, 'must be an integer'],
    ['templates', 'max_number', '1', 'must be an integer'],
    ['templates', 'max_number', 2 ** 31, 'must be at most 2147483647'],
    ['templates', 'subnet_ids', 'subnet', 'must be a list'],
    ['templates', 'attributes', [], 'must be an object'],
    ['requests', 'machine_count', -1, 'must be at least 0'],
    ['requests', 'template_id', 'a\nb', 'must not contain control characters'],
    [
      'requests',
      'completed_at',
      '2026-01-01',
      'must be an ISO 8601 date and time with offset, such as 2026-11-22T10:00:00Z',
    ],
    ['requests', 'version', -1, 'must be at least 0'],
    ['requests', 'created_at', 5, 'must be an ISO 8601 date and time with offset, such as 2026-11-22T10:00:00Z'],
    ['machines', 'private_ip', 'x'.repeat(46), 'must have at most 45 characters, not 46'],
  ];
  test.each(cases)('%s.%s: %j %s', (collection, field, value, message) => {
    expect(messagesOf(collection, { [field]: value })).toEqual([`${field} ${message}`]);
  });

  test.each([
    ['templates', 'max_number', -1],
    ['templates', 'max_number', 2 ** 31 - 1],
    ['templates', 'name', 'a\nb'],
    ['templates', 'image_id', ''],
    ['templates', 'subnet_ids', []],
    ['templates', 'attributes', {}],
    ['machines', 'private_ip', ''],
    ['requests', 'version', 0],
  ] as const)('%s.%s may be %j', (collection, field, value) => {
    expect(messagesOf(collection, { [field]: value })).toEqual([]);
  });

  test('a field is reported once, with its first problem', () => {
    expect(messagesOf('templates', { name: '\ud800'.repeat(300) })).toHaveLength(1);
  });

  test('version and updated_at are not among the fields to store', () => {
    const { fields, version } = checkEntity('requests', { ...valid.requests, version: 3, updated_at: 'whatever' });
    expect(version).toBe(3);
    expect(fields).toEqual({ ...valid.requests, request_type: 'provision' });
  });

  test('the size is that of UTF-8 JSON', () => {
    expect(messagesOf('templates', { filler: '漢'.repeat(MAX_ENTITY_BYTES / 3 + 1) })).toEqual([
      expect.stringMatching(/^ takes \d+ bytes as JSON; the limit is 358400 \(350 KB\)$/),
    ]);
    expect(messagesOf('templates', { filler: 'x'.repeat(MAX_ENTITY_BYTES / 2) })).toEqual([]);
  });
});

describe('checkChanges', () => {
  test('separates fields to set from fields to remove, and drops those that never change', () => {
    const checked = checkChanges('requests', 'r', {
      request_id: 'r',
      status: 'DONE',
      tags: null,
      created_at: '2026-01-01T00:00:00Z',
      updated_at: null,
      version: 4,
    });
    expect(checked).toEqual({ fields: { status: 'DONE' }, removed: ['tags'], version: 4, problems: [] });
  });

  test.each([
    [{ request_id: 'other' }, 'request_id', 'cannot be changed: this is "r"'],
    [{ status: null }, 'status', 'is required and cannot be removed'],
    [{ request_id: null }, 'request_id', 'is required and cannot be removed'],
  ])('%j is refused', (changes, path, message) => {
    expect(checkChanges('requests', 'r', changes).problems).toEqual([{ path, message }]);
  });
});

describe('checkField and idProblem', () => {
  test('timestamps are returned in UTC', () => {
    expect(checkField('requests', 'completed_at', '2026-01-01T00:00:00+01:00')).toEqual({
      value: '2025-12-31T23:00:00.000Z',
    });
    expect(checkField('requests', 'unknown', '2026-01-01T00:00:00+01:00')).toEqual({
      value: '2026-01-01T00:00:00+01:00',
    });
  });

  test('the problem of an id is reported', () => {
    expect(idProblem('machines', '😀'.repeat(255))).toBeUndefined();
    expect(idProblem('machines', '')).toBe('must not be empty');
    expect(idProblem('machines', undefined)).toMatch(/^must be/);
    expect(idProblem('machines', 7)).toBe('must be a string');
    expect(idProblem('machines', 'a\u0000')).toContain('U+0000');
  });
});

describe('recordProblems', () => {
  test("SPEC.md's samples are reported, not changed", () => {
    // SPEC.md's own machine has no template, its split-file template no max_number.
    const machine = { machine_id: 'machine-456', request_id: 'req-123', status: 'RUNNING', private_ip: '10.0.1.100' };
    expect(recordProblems('machines', machine as never)).toEqual([{ path: 'template_id', message: 'is required' }]);
    const { max_number: _, ...template } = valid.templates;
    expect(recordProblems('templates', { ...template, version: 1 } as never)).toEqual([
      { path: 'max_number', message: 'is required' },
    ]);
    expect(recordProblems('requests', { ...valid.requests, request_type: 'provision', version: 1 } as never)).toEqual(
      [],
    );
  });
});
