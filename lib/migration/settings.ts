import type { MigrationConfig, MigrationSettings } from '../config/migration.ts';

export type { MigrationSettings } from '../config/migration.ts';

/** How a migration is done: as configured, unless changed for this one. */
export const settingsOf = (
  { state_location: _location, jobs_at_once: _limit, ...config }: MigrationConfig,
  changes: { readonly [K in keyof MigrationSettings]?: MigrationSettings[K] | undefined } = {},
): MigrationSettings => {
  const given = Object.entries(changes).filter(([, value]) => value !== undefined);
  return { merge: false, delete_extra: false, ...config, ...Object.fromEntries(given) };
};
