/** Keys of `migration`. */
import * as z from 'zod';
import { type CollectionName, type collectionNames, fieldsOf, systemFields } from '../model/collections.ts';
import type { JsonValue } from '../model/entities.ts';
import { checkField } from '../model/validation.ts';
import { jobsAtOnce } from './backup.ts';

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

/** What may be chosen for each migration, by the body of a call or by flags of the command. */
export const migrationChoices = {
  batch_size: z.int().min(1).max(1000).describe('Entities that are read and written together.'),
  parallel_workers: z.int().min(1).max(64).describe('Batches that are written at the same time.'),
  create_backup: z.boolean().describe('Whether the source is backed up before anything is copied.'),
  validate_after_migration: z
    .boolean()
    .describe('Whether both stores are compared after the copy, entity by entity, and what differs is copied again.'),
  cleanup_source: z
    .boolean()
    .describe(
      'Whether entities are deleted from the source once the comparison has found them in the target. Needs validate_after_migration.',
    ),
  on_invalid: z
    .enum(['fail', 'skip'])
    .describe(
      'What happens to entities that the target cannot hold. fail stops before anything is written; skip leaves them out and lists them.',
    ),
  merge: z.boolean().describe('Whether the target may already hold entities. Newer versions there stay.'),
  delete_extra: z.boolean().describe('Whether entities that only the target has are deleted there by the comparison.'),
};

export const migration = z.strictObject({
  batch_size: migrationChoices.batch_size.default(100),
  parallel_workers: migrationChoices.parallel_workers.default(4),
  create_backup: migrationChoices.create_backup.default(true),
  backup_location: z
    .string()
    .min(1)
    .default('backups/')
    .describe('Folder, or s3://bucket/prefix, of the backups that migrations make.'),
  validate_after_migration: migrationChoices.validate_after_migration.default(true),
  cleanup_source: migrationChoices.cleanup_source.default(false),
  state_location: z
    .string()
    .min(1)
    .default('state/')
    .describe('Folder of the state of migrations and backups, from which an interrupted one continues.'),
  jobs_at_once: jobsAtOnce
    .default(1)
    .describe('How many migrations that the API or a schedule starts run at the same time; others wait.'),
  on_invalid: migrationChoices.on_invalid.default('fail'),
  defaults: defaults
    .prefault({})
    .describe('Values for fields that entities lack, if the target demands them: an object for each collection.'),
});

export type MigrationConfig = z.output<typeof migration>;

/** How one migration is done, in the words of the configuration, the API and the command line. */
export type MigrationSettings = Omit<MigrationConfig, 'state_location' | 'jobs_at_once'> &
  Readonly<z.output<z.ZodObject<Pick<typeof migrationChoices, 'merge' | 'delete_extra'>>>>;
