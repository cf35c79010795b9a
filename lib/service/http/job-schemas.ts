/** Bodies of the calls that start jobs. */
import * as z from 'zod';
import { migrationChoices } from '../../config/migration.ts';

/** An id becomes the name of a file and, on AWS, of an execution. */
export const JOB_ID = /^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/;
const jobId = z
  .string()
  .regex(JOB_ID, 'must have 1 to 64 English letters, digits, - or _, and begin with a letter or digit');

const storeType = z.enum(['json', 'sql', 'sqlite', 'postgresql', 'dynamodb']);

const configName = (side: string) =>
  z
    .string()
    .regex(
      /^\w[\w.-]*\.json$/,
      "must be the name of a .json file in the folder of the service's configuration, without a path",
    )
    .optional()
    .meta({
      description: `Configuration file that describes the ${side}: a file name in the folder of the service's own, which is the default.`,
    });

/** Each choice may be left out. */
const chosen = z.object(migrationChoices).partial().shape;

export const migrationBody = z
  .strictObject({
    migration_id: jobId
      .optional()
      .meta({ description: 'Id of the migration, so that the call can be retried safely.' }),
    source_type: storeType.meta({ description: 'Store to copy from.' }),
    target_type: storeType.meta({ description: 'Store to copy to.' }),
    source_config: configName('source'),
    target_config: configName('target'),
    ...chosen,
  })
  .meta({
    title: 'MigrationOrder',
    description: 'What to copy where. Anything left out is taken from the configuration.',
  });

export type MigrationBody = z.infer<typeof migrationBody>;

export const backupBody = z
  .strictObject({
    backup_id: jobId.optional().meta({ description: 'Id of the backup, so that the call can be retried safely.' }),
  })
  .meta({ title: 'BackupOrder', description: 'A backup of the store of the service.' });

export type BackupBody = z.infer<typeof backupBody>;
