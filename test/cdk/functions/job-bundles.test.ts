/** The bundles of the tasks of migrations and backups: small, with the stores that they use, and no others. */
import { readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { backupSources, migrationSources, restoreTestSource } from '../../../lib/cdk/jobs/job-sources.ts';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { bundleFolders } from '../bundle-folders.ts';

/** Text that occurs only in the code of one store. */
const marks = {
  dynamodb: 'TransactWriteItems',
  json: 'JournalChanged',
  postgresql: 'pg_advisory_xact_lock',
  sqlite: 'BEGIN IMMEDIATE',
  dax: 'DaxClient',
} as const;
type Store = keyof typeof marks;

/** Bytes of the largest bundles: the measured size plus ten percent. */
const LIMITS = {
  dev: { migration: 858_000, backup: 849_000 },
  json: { migration: 900_000, backup: 686_000 },
  sql: { migration: 812_000, backup: 802_000 },
  dax: { migration: 858_000, backup: 849_000 },
};
const RESTORE_TEST_LIMIT = 684_000;

const stores: Readonly<Record<keyof typeof LIMITS, { own: Store; both: readonly Store[] }>> = {
  dev: { own: 'dynamodb', both: ['dynamodb'] },
  // Its migrations are to DynamoDB.
  json: { own: 'json', both: ['json', 'dynamodb'] },
  sql: { own: 'postgresql', both: ['postgresql'] },
  // Functions that bypass the cache need no client for it.
  dax: { own: 'dynamodb', both: ['dynamodb'] },
};

const folders = {
  dev: await bundleFolders('dev'),
  json: await bundleFolders('json'),
  sql: await bundleFolders('sql'),
  dax: await bundleFolders('dax'),
};

describe.each(Object.entries(LIMITS) as [keyof typeof LIMITS, (typeof LIMITS)['dev']][])('for %s', (name, limits) => {
  const codeOf = (bundleName: string): string => join(folders[name](bundleName), 'index.mjs');
  const storesIn = (bundleName: string): Store[] => {
    const code = readFileSync(codeOf(bundleName), 'utf8');
    return (Object.keys(marks) as Store[]).filter((store) => code.includes(marks[store]));
  };
  const { own, both } = stores[name];

  test('they stay within their size limits', () => {
    const larger = (sources: readonly { name: string }[], limit: number) =>
      sources
        .map((source) => [source.name, statSync(codeOf(source.name)).size] as const)
        .filter(([, size]) => size > limit);
    expect(larger(migrationSources, limits.migration)).toEqual([]);
    expect(larger(backupSources, limits.backup)).toEqual([]);
    expect(larger([restoreTestSource], RESTORE_TEST_LIMIT)).toEqual([]);
  });

  test('they hold the stores that they use', () => {
    expect(storesIn('migration-copy').toSorted()).toEqual([...both].sort());
    expect(storesIn('backup-back-up')).toEqual([own]);
    expect(storesIn('backup-test-restore')).toEqual(['sqlite']);
  });

  test('their configuration can be read once the variables of the function are set', () => {
    const variables = {
      HFSTORAGE_BACKUP_BUCKET: 'kept',
      HFSTORAGE_BUCKET: 'files',
      HFSTORAGE_DATABASE_HOST: 'db.example.com',
    };
    for (const one of ['migration-next', 'backup-next', 'start-migration', 'list-backups']) {
      const read = parseConfig(JSON.parse(readFileSync(join(folders[name](one), 'config.json'), 'utf8')), variables);
      expect(read).toMatchObject({
        migration: { state_location: 's3://kept/state', backup_location: 's3://kept/migration-backups' },
        backup: { location: 's3://kept/backups', retention: { keep_last: 7 } },
      });
      expect(read.storage.dynamodb_strategy.enable_dax).toBe(false);
    }
  });
});

test('the other store is described beside the functions that use it, by the name that orders give', () => {
  for (const one of ['migration-next', 'migration-take-turn', 'start-migration', 'get-migration']) {
    const read = parseConfig(JSON.parse(readFileSync(join(folders.json(one), 'dev.json'), 'utf8')), {});
    expect(read.storage).toMatchObject({ strategy: 'dynamodb', dynamodb_strategy: { create_tables: false } });
  }
  expect(() => statSync(join(folders.json('save-entity'), 'dev.json'))).toThrow('ENOENT');
});
