/** Keys of `migration`. */
import * as z from 'zod';
import { type CollectionName, type collectionNames, fieldsOf, systemFields } from '../model/collections.ts';
import type { JsonValue } from '../model/entities.ts';
import { checkField } from '../model/validation.ts';

/** Defaults of one collection: only declared fields, each with a valid value. */
const defaultsOf = (collection: CollectionName) =>
  z
    .record(z.string(), z.json())
    .superRefine((defaults, context) => {
      for (const [name, value] of Object.entries(defaults)) {
        const refuse = (message: string): void => context.addIssue({ code: 'custom', path: [name], message });
        if (!fieldsOf(collection).has(name) || Object.hasOwn(systemFields, name)) {
          refuse(`is not a field of ${collection} that can have a default`);
          continue;
        }
        const checked = checkField(collection, name, value as JsonValue);
        if ('problem' in checked) refuse(checked.problem);
      }
    })
    .optional()
    .describe(`Values for missing fields of ${collection}.`);

const defaults = z.strictObject({
  templates: defaultsOf('templates'),
  requests: defaultsOf('requests'),
  machines: defaultsOf('machines'),
} satisfies Record<(typeof collectionNames)[number], unknown>);

export const migration = z.strictObject({
  batch_size: z
    .int()
    .min(1)
    .max(1000)
    .default(100)
    .describe('Entities that are read, written and checkpointed together.'),
  parallel_workers: z.int().min(1).max(64).default(4).describe('Batches that are written in parallel.'),
  create_backup: z.boolean().default(true).describe('Whether the source is backed up before anything is copied.'),
  backup_location: z
    .string()
    .min(1)
    .default('backups/')
    .describe('Location of the backups that migrations take: a folder or s3://bucket/prefix.'),
  validate_after_migration: z
    .boolean()
    .default(true)
    .describe(
      'Whether both stores are compared after the copy, entity by entity, and differing entities are copied again.',
    ),
  cleanup_source: z
    .boolean()
    .default(false)
    .describe(
      'Whether entities are deleted from the source once the comparison has found them in the target. Needs validate_after_migration.',
    ),
  state_location: z
    .string()
    .min(1)
    .default('migrations/')
    .describe('Folder of the migration logs, from which an interrupted migration resumes.'),
  on_invalid: z
    .enum(['fail', 'skip'])
    .default('fail')
    .describe(
      'What to do with entities that the target cannot hold. fail stops before anything is written; skip leaves them out and lists them.',
    ),
  defaults: defaults
    .prefault({})
    .describe('Values for missing fields that the target requires: an object per collection.'),
});

export type MigrationConfig = z.output<typeof migration>;
