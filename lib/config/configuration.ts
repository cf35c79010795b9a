/** The configuration, key by key. Validation, types and the JSON Schema for editors are all derived from it. */
import * as z from 'zod';
import { api } from './api.ts';
import { backup } from './backup.ts';
import { deployment } from './deployment.ts';
import { dynamodbStrategy } from './dynamodb-strategy.ts';
import { jsonStrategy } from './json-strategy.ts';
import { migration } from './migration.ts';
import { sqlStrategy } from './sql-strategy.ts';

// One section per store, side by side instead of alternatives: a migration needs two of them.
const storage = z.strictObject({
  strategy: z
    .enum(['json', 'sql', 'dynamodb'])
    .describe('The store in use. Its settings are in the section with its name.'),
  enforce_references: z
    .boolean()
    .default(true)
    .describe(
      'Whether to refuse an entity whose parent is missing, and the deletion of a parent that is still referenced.',
    ),
  json_strategy: jsonStrategy.prefault({}).describe('JSON files in a folder or an S3 bucket.'),
  sql_strategy: sqlStrategy.prefault({}).describe('A SQLite file or a PostgreSQL database.'),
  dynamodb_strategy: dynamodbStrategy.prefault({}).describe('Tables in Amazon DynamoDB.'),
});

export const configuration = z.strictObject({
  $schema: z.string().optional().describe('Where editors find the schema of this file. No other effect.'),
  storage: storage.describe('Where and how entities are stored.'),
  migration: migration.prefault({}).describe('How entities are copied from one store to another.'),
  backup: backup.prefault({}).describe('Where backups are stored, and how many are kept.'),
  api: api.optional().describe('The HTTP API that CDK deploys on AWS. No effect on `hfstorage serve`.'),
  deployment: deployment.optional().describe('What else CDK deploys on AWS. No effect elsewhere.'),
});

/** A validated configuration, complete with defaults. */
export type Config = z.output<typeof configuration>;

/** A configuration as written: keys with a default may be left out. */
export type ConfigInput = z.input<typeof configuration>;

export type StrategyName = Config['storage']['strategy'];

/** JSON Schema (draft 2020-12) of a configuration file, for editors and other validators. */
export function configSchema(): Record<string, unknown> {
  const { $schema, ...schema } = z.toJSONSchema(configuration, { io: 'input', target: 'draft-2020-12' });
  return { $schema, title: 'Configuration of the Host Factory storage service', ...schema };
}
