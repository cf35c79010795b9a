/** The bodies of the calls that start jobs. */
import * as z from 'zod';

/** An id becomes the name of a file, and of an execution on AWS. */
export const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const jobId = z
  .string()
  .regex(JOB_ID, 'must have 1 to 64 letters of English, digits, - or _, and begin with none of these two');

const storeType = z.enum(['json', 'sql', 'sqlite', 'postgresql', 'dynamodb']);

const configName = (side: string) =>
  z
    .string()
    .regex(
      /^\w[\w.-]*\.json$/,
      'must be the name of a .json file beside the configuration of the service, without folders',
    )
    .optional()
    .meta({
      description: `Configuration file that describes the ${side}: the name of one that lies beside the service's own. The service's own where left out.`,
    });

export const migrationBody = z
  .strictObject({
    migration_id: jobId.optional().meta({ description: 'Id of the migration, so that the call can be sent again.' }),
    source_type: storeType.meta({ description: 'Store to copy from.' }),
    target_type: storeType.meta({ description: 'Store to copy to.' }),
    source_config: configName('source'),
    target_config: configName('target'),
    batch_size: z.int().min(1).max(1000).optional().meta({ description: 'Entities of one batch.' }),
    parallel_workers: z.int().min(1).max(64).optional().meta({ description: 'Batches at the same time.' }),
    create_backup: z.boolean().optional().meta({ description: 'Whether the source is backed up before.' }),
    validate_after_migration: z
      .boolean()
      .optional()
      .meta({ description: 'Whether both stores are compared afterwards.' }),
    cleanup_source: z
      .boolean()
      .optional()
      .meta({ description: 'Whether what the comparison has found in the target is deleted from the source.' }),
    on_invalid: z
      .enum(['fail', 'skip'])
      .optional()
      .meta({ description: 'What becomes of entities that the target cannot hold.' }),
    merge: z.boolean().optional().meta({ description: 'Whether the target may hold entities already.' }),
    delete_extra: z
      .boolean()
      .optional()
      .meta({ description: 'Whether what the source has not is deleted from the target.' }),
  })
  .meta({ title: 'MigrationOrder', description: 'What to copy where. What is left out is as in the configuration.' });

export type MigrationBody = z.infer<typeof migrationBody>;

export const backupBody = z
  .strictObject({
    backup_id: jobId.optional().meta({ description: 'Id of the backup, so that the call can be sent again.' }),
  })
  .meta({ title: 'BackupOrder', description: 'A backup of the store of the service.' });

export type BackupBody = z.infer<typeof backupBody>;
