import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import { ConfigurationError, openRepository, TemplateNotFoundError } from '../../lib/library.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hfstorage-library-'));
});
afterEach(async () => rm(folder, { recursive: true }));

const request = { request_id: 'r-1', template_id: 'none', machine_count: 1, status: 'PENDING' };

test('a repository is opened from a configuration as written', async () => {
  const storage = { strategy: 'json', json_strategy: { base_path: join(folder, 'new', 'data') } } as const;
  {
    await using repository = await openRepository({ storage });
    await expect(repository.saveEntity('requests', request)).rejects.toThrow(TemplateNotFoundError);
  }
  await using lenient = await openRepository({ storage: { ...storage, enforce_references: false } });
  expect(await lenient.saveEntity('requests', request)).toMatchObject({ ...request, version: 1 });
});

test('an invalid configuration opens nothing', async () => {
  const storage = { strategy: 'json', json_strategy: { base_pth: folder } };
  const opening = openRepository({ storage } as unknown as Parameters<typeof openRepository>[0]);
  await expect(opening).rejects.toThrow(ConfigurationError);
  await expect(opening).rejects.toThrow('storage.json_strategy.base_pth is not a known key; did you mean base_path?');
});
