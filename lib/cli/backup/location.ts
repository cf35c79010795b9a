/** Where the backups of a command are, and how they are shown. */

import type { BackupSummary } from '../../backup/backup-summary.ts';
import type { Config } from '../../config/configuration.ts';
import { type CollectionName, collectionNames } from '../../model/collections.ts';
import type { Location } from '../../objects/location.ts';
import { openLocation } from '../../objects/open-location.ts';
import type { Session } from '../session.ts';
import { counted } from '../tables.ts';

export interface LocationFlag {
  /** Value of --location. */
  readonly location?: string;
}

export interface BackupLocationChoice {
  readonly config: Config;
  readonly location: Location;
}

/** The location given on the command line, else the configured one. */
export async function backupLocation(session: Session, flags: LocationFlag): Promise<BackupLocationChoice> {
  const { config } = await session.readConfig();
  const { location, region, endpoint } = config.backup;
  return { config, location: await openLocation(flags.location ?? location, { region, endpoint }) };
}

const UNITS = ['bytes', 'KB', 'MB', 'GB', 'TB'];

/** A readable size: `1.2 MB`. */
export function sizeText(bytes: number): string {
  const power = Math.min(Math.floor(Math.log10(Math.max(bytes, 1)) / 3), UNITS.length - 1);
  return `${power === 0 ? bytes : (bytes / 1000 ** power).toFixed(1)} ${UNITS[power]}`;
}

/** Whether a backup is a consistent snapshot, in a word. */
export const consistencyText = ({ consistent }: Pick<BackupSummary, 'consistent'>): string => {
  if (consistent === undefined) return '';
  return consistent ? 'yes' : 'no';
};

/** Counts of entities: `5 templates, 1 request, 0 machines`. */
export const entitiesText = (entities: Readonly<Record<CollectionName, number>>): string =>
  collectionNames.map((name) => counted(entities[name], name.slice(0, -1))).join(', ');
