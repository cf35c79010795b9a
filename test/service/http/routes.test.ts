import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { routes } from '../../../lib/service/http/routes.ts';

const root = join(import.meta.dirname, '../../..');

describe('the route table', () => {
  test('contains each operation, and each method of a path, only once', () => {
    const unique = (values: string[]) => expect(new Set(values).size).toBe(values.length);
    unique(routes.map(({ operation }) => operation));
    unique(routes.map(({ method, path }) => `${method} ${path}`));
  });

  test('is served by one small file in lambdas/api per operation', async () => {
    const files = await readdir(join(root, 'lambdas/api'));
    expect(files.sort()).toEqual(routes.map(({ operation }) => `${operation}.ts`).sort());
    for (const { operation } of routes) {
      const text = await readFile(join(root, 'lambdas/api', `${operation}.ts`), 'utf8');
      // Each imports only its own service function, so that its bundle contains no other.
      const services = [...text.matchAll(/lib\/service\/([\w/-]+)\.ts/g)].map(([, name]) => name);
      expect(services).toEqual([`operations/${operation}`]);
      expect(text).toContain(`'${operation}'`);
    }
  });
});
