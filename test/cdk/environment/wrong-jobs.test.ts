/** Settings of migrations and backups that cannot be deployed are refused with a message that names the key. */
// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from '@jest/globals';
import { appOf, messageOf } from '../refusals.ts';
import { environment, newFolder } from '../synthesized.ts';
import { configured } from '../variants.ts';

const dynamodb = { strategy: 'dynamodb' };

describe('invalid keys', () => {
  test.each<[object, string]>([
    [{ migration: { peer: 'old-store' } }, 'deployment.migration.peer must be a .json file'],
    [{ migration: { schedule: { expression: 'rate(1 day)' } } }, 'deployment.migration.schedule needs peer'],
    [{ migration: { peer_key_arn: 'arn:aws:kms:x' } }, 'deployment.migration.peer_key_arn applies only with peer'],
    [
      { migration: { peer: 'a.json', peer_role: 'both', schedule: { expression: 'rate(1 day)' } } },
      'deployment.migration.schedule needs a peer_role of "source" or "target"',
    ],
    [
      { migration: { peer: 'a.json', schedule: { expression: 'daily' } } },
      'deployment.migration.schedule.expression must be an EventBridge Scheduler expression',
    ],
    [{ backup: { schedule: '0 2 * * *' } }, 'deployment.backup.schedule must be an EventBridge Scheduler expression'],
    [{ backup: { timezone: 'Mars/Olympus' } }, 'deployment.backup.timezone must be a timezone'],
    [{ backup: { schedule: 'rate(2 days)' } }, 'deployment.backup.max_age_hours must be more than the 48 hours'],
    [
      { backup: { restore_test_storage_mb: 20_000 } },
      'deployment.backup.restore_test_storage_mb must be at most 10240',
    ],
    [{ backup: { native: { retention: 3 } } }, 'deployment.backup.native.retention is not a known key'],
  ])('%j', (deployment, message) => {
    expect(messageOf(() => configured({ storage: dynamodb, deployment }))).toContain(message);
  });

  test.each<[object, string]>([
    [{ backup: { location: 's3://other/backups' } }, 'backup.location must be s3://${HFSTORAGE_BACKUP_BUCKET}/backups'],
    [{ backup: { endpoint: 'http://127.0.0.1:9000' } }, 'backup.endpoint is not allowed in a deployment'],
    [
      { migration: { state_location: 'elsewhere/' } },
      'migration.state_location must be s3://${HFSTORAGE_BACKUP_BUCKET}/state',
    ],
    [
      { migration: { backup_location: 's3://${HFSTORAGE_BACKUP_BUCKET}/backups' } },
      'migration.backup_location must be s3://${HFSTORAGE_BACKUP_BUCKET}/migration-backups',
    ],
  ])('%j', (sections, message) => {
    expect(messageOf(() => appOf(configured({ storage: dynamodb, ...sections })))).toContain(message);
  });

  test('native backups of a store without them', () => {
    const storage = { strategy: 'json', json_strategy: { base_path: 's3://${HFSTORAGE_BUCKET}' } };
    const config = configured({ storage, deployment: { backup: { native: {} } } });
    expect(messageOf(() => appOf(config))).toContain(
      'deployment.backup.native applies only with storage.strategy "dynamodb"',
    );
  });
});

describe('another store that functions cannot use', () => {
  const peerOf = (storage: object, name = 'old.json'): string => {
    const file = join(newFolder(), name);
    writeFileSync(file, JSON.stringify({ storage }));
    return file;
  };
  const sql = { type: 'postgresql', host: 'db.example.com', name: 'old', username: 'reader', password: 'written out' };

  test.each<[string, object, string]>([
    ['JSON on a local disk', { strategy: 'json' }, 'storage.json_strategy.base_path must be s3://bucket/prefix'],
    ['SQLite', { strategy: 'sql' }, 'storage.sql_strategy.type must be "postgresql"'],
    [
      'DynamoDB Local',
      { strategy: 'dynamodb', dynamodb_strategy: { table_prefix: 'x', endpoint: 'http://127.0.0.1:8000' } },
      'storage.dynamodb_strategy.endpoint is not allowed here',
    ],
    [
      'a database without a VPC',
      { strategy: 'sql', sql_strategy: sql },
      'storage.sql_strategy requires deployment.vpc.id',
    ],
    ['a password that is written out', { strategy: 'sql', sql_strategy: sql }, 'must be the ARN of a secret'],
    ['the store of the deployment itself', dynamodb, 'storage is the store of this deployment itself'],
    ['a variable that is not set', { strategy: 'json', json_strategy: { base_path: 's3://${NO_SUCH}' } }, 'NO_SUCH'],
  ])('%s', (_, storage, message) => {
    const peer = peerOf(storage);
    const config = configured({ storage: dynamodb, deployment: { migration: { peer } } });
    expect(messageOf(() => appOf(config))).toContain(message);
    expect(messageOf(() => appOf(config))).toContain('deployment.migration.peer: ');
  });

  test('a missing file, or one with the name of the own configuration', () => {
    const withPeer = (peer: string) => configured({ storage: dynamodb, deployment: { migration: { peer } } });
    expect(messageOf(() => appOf(withPeer('/nowhere/old.json')))).toContain('/nowhere/old.json cannot be used');
    const own = peerOf(environment('json').storage, 'config.json');
    expect(messageOf(() => appOf(withPeer(own)))).toContain('must not be called config.json');
  });
});
