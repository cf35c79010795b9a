/** Keys of `backup`. */
import * as z from 'zod';

const number = (fallback: number) => z.int().min(0).max(10_000).default(fallback);

const retention = z.strictObject({
  keep_last: number(7).describe('Number of newest backups to keep, however old. The newest one is always kept.'),
  keep_daily: number(7).describe('Number of days for which the newest backup is kept.'),
  keep_weekly: number(4).describe('Number of weeks for which the newest backup is kept.'),
  keep_monthly: number(12).describe('Number of months for which the newest backup is kept.'),
});

/** How many jobs of a kind may run at the same time. */
export const jobsAtOnce = z.int().min(1).max(10);

export const backup = z.strictObject({
  location: z
    .string()
    .min(1)
    .default('backups/')
    .describe('Location of the backups: a folder, relative to the current folder, or s3://bucket/prefix.'),
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: 'must be a region such as eu-central-1' })
    .optional()
    .describe(
      "Region of the bucket of an s3:// location, also of migration.backup_location. Default: AWS's usual settings.",
    ),
  endpoint: z
    .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
    .optional()
    .describe(
      'URL of an S3-compatible server for an s3:// location, also of migration.backup_location. AWS where left out.',
    ),
  jobs_at_once: jobsAtOnce
    .default(1)
    .describe('How many backups that the API or a schedule starts run at the same time; others wait.'),
  retention: retention.prefault({}).describe('Which backups hfstorage backup prune keeps.'),
});

export type BackupConfig = z.output<typeof backup>;
