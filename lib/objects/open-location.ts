import { isS3BasePath } from '../config/json-strategy.ts';
import type { Location, LocationSettings } from './location.ts';

/** Opens a folder, or `s3://bucket/prefix`. Nothing is read or created yet. */
export async function openLocation(path: string, settings: LocationSettings = {}): Promise<Location> {
  // Imported only when used: the AWS SDK is large.
  if (isS3BasePath(path)) return (await import('./s3-location.ts')).openS3Location(path, settings);
  return (await import('./local-location.ts')).openLocalLocation(path, settings);
}
