/** Keys of `deployment.migration` and `deployment.backup`: the state machines that CDK deploys, and their schedules. */
import * as z from 'zod';

const SCHEDULE = /^(rate\([1-9]\d* (minutes?|hours?|days?)\)|cron\(\S+( \S+){5}\))$/;

const schedule = () =>
  z.string().regex(SCHEDULE, {
    error: 'must be an EventBridge Scheduler expression, such as cron(0 2 * * ? *) or rate(12 hours)',
  });

function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return true;
  } catch {
    return false;
  }
}

const timezone = () =>
  z
    .string()
    .refine(isTimezone, { error: 'must be a timezone such as Europe/Berlin' })
    .default('UTC')
    .describe('Timezone of the schedule.');

export const deployedMigration = z
  .strictObject({
    peer: z
      .string()
      .regex(/(^|\/)\w[\w.-]*\.json$/, { error: 'must be a .json file, such as config/old-store.json' })
      .optional()
      .describe(
        'Configuration file, relative to the current folder, whose storage is the other store of migrations. Calls name it in source_config or target_config, without folders. Without it there is nothing to migrate.',
      ),
    peer_role: z
      .enum(['source', 'target', 'both'])
      .default('source')
      .describe(
        'Role of the other store, which decides what the functions may do with it: read it, write it, or both. Their own store is the opposite side.',
      ),
    peer_key_arn: z
      .string()
      .regex(/^arn:aws[a-z-]*:kms:/, { error: 'must be the ARN of a KMS key' })
      .optional()
      .describe('KMS key that encrypts the other store, if it is your own.'),
    schedule: z
      .strictObject({
        expression: schedule().describe('When it runs: cron(…) or rate(…).'),
        timezone: timezone(),
        merge: z
          .boolean()
          .default(true)
          .describe('Whether the target may already hold entities. From the second run on it does.'),
        delete_extra: z
          .boolean()
          .default(false)
          .describe('Whether entities missing from the source are deleted from the target.'),
      })
      .optional()
      .describe('A migration that runs repeatedly, with the settings of migration.'),
  })
  .superRefine(({ peer, peer_role, peer_key_arn, schedule: when }, context) => {
    const refuse = (key: string, message: string) => context.addIssue({ code: 'custom', path: [key], message });
    if (peer === undefined && when !== undefined) refuse('schedule', 'needs peer, the other store');
    if (peer === undefined && peer_key_arn !== undefined) refuse('peer_key_arn', 'applies only with peer; remove it');
    if (peer_role === 'both' && when !== undefined) {
      refuse('schedule', 'needs a peer_role of "source" or "target", which decides the direction');
    }
  });

const native = z.strictObject({
  schedule: schedule().default('cron(0 3 * * ? *)').describe('When AWS Backup takes one, in timezone.'),
  // AWS Backup allows 1 to 36,500 days; a hundred years make no sense.
  retention_days: z.int().min(1).max(3650).default(35).describe('Days that each one is kept.'),
  lock: z
    .boolean()
    .default(false)
    .describe('Whether earlier removal requires permission to change the vault (governance mode).'),
});

export const deployedBackup = z
  .strictObject({
    schedule: schedule()
      .or(z.literal('none'))
      .default('cron(0 2 * * ? *)')
      .describe('When a backup is taken: cron(…) or rate(…), or none for never.'),
    timezone: timezone(),
    restore_test_schedule: schedule()
      .or(z.literal('none'))
      .default('cron(0 5 ? * SUN *)')
      .describe('When the newest backup is restored into a scratch database, compared and discarded; none for never.'),
    // Lambda: 512 MB to 10,240 MB of ephemeral storage.
    restore_test_storage_mb: z
      .int()
      .min(512)
      .max(10_240)
      .default(2048)
      .describe('MB for that scratch database: about three times the size of the entities as JSON.'),
    max_age_hours: z
      .int()
      .min(1)
      .max(8760)
      .default(30)
      .describe('Age in hours of the newest good backup above which an alarm goes off.'),
    object_lock_days: z
      .int()
      .min(1)
      .max(3650)
      .optional()
      .describe(
        'Days during which no version of an object in the backup bucket can be removed (S3 Object Lock, governance mode). Only for a new bucket.',
      ),
    archive_after_days: z
      .int()
      .min(1)
      .max(3650)
      .optional()
      .describe(
        'Days after which backups move to S3 Glacier Instant Retrieval, which is cheaper to store and more expensive to read.',
      ),
    native: native
      .optional()
      .describe(
        "AWS Backup's own backups of the DynamoDB tables or the RDS database, in addition to the portable ones.",
      ),
  })
  .superRefine(({ schedule: when, max_age_hours }, context) => {
    const every = /^rate\((\d+) (minute|hour|day)/.exec(when);
    if (every === null) return;
    const hours = Number(every[1]) * { minute: 1 / 60, hour: 1, day: 24 }[every[2] as 'minute' | 'hour' | 'day'];
    if (hours < max_age_hours) return;
    const message = `must be more than the ${hours} hours between two backups`;
    context.addIssue({ code: 'custom', path: ['max_age_hours'], message });
  });
