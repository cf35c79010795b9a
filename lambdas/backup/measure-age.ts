/** Tells CloudWatch how old the newest good backup is. Without any, it is as old as can be. */
import { Metrics, MetricUnit } from '@aws-lambda-powertools/metrics';
import { listBackups, timeOf } from '../../lib/backup/list-backups.ts';
import { backupLocation } from '../../lib/lambda/deployed-stores.ts';
import { logged } from '../../lib/lambda/task-log.ts';

const HOUR_MS = 3_600_000;
/** Ten years, where there is no good backup. */
const NONE_HOURS = 87_600;

export const handler = (input: object = {}): Promise<{ age_hours: number }> =>
  logged('measure-age', input, async () => {
    const backups = await listBackups(await backupLocation());
    const newest = backups.findLast(({ state }) => state === 'complete');
    const age_hours = newest === undefined ? NONE_HOURS : (Date.now() - Date.parse(timeOf(newest))) / HOUR_MS;
    // Names and namespace come from the POWERTOOLS_* variables of the function.
    const metrics = new Metrics();
    metrics.addMetric('BackupAgeHours', MetricUnit.NoUnit, age_hours);
    metrics.publishStoredMetrics();
    return { age_hours };
  });
