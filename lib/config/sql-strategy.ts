/** `storage.sql_strategy`: its keys, and the checks across them. */
import type * as z from 'zod';
import { checkSqlKeys } from './sql-strategy-checks.ts';
import { DEFAULT_SQLITE_FILE, sqlKeys } from './sql-strategy-keys.ts';

export const sqlStrategy = sqlKeys
  .superRefine((config, context) =>
    checkSqlKeys(config, (key, message) => context.addIssue({ code: 'custom', path: [key], message })),
  )
  .transform((config) => ({ ...config, name: config.name ?? DEFAULT_SQLITE_FILE }));

/** How the SQL store reaches its database, complete with defaults. */
export type SqlStrategyConfig = z.output<typeof sqlStrategy>;
