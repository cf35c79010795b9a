import { randomUUID } from 'node:crypto';

/**
 * An id that sorts by time and that no other has: `backup-20261122T100000Z-1a2b3c`.
 * @param at a stored timestamp, such as `2026-11-22T10:00:00.000Z`
 */
export const newSortableId = (prefix: string, at: string): string =>
  `${prefix}-${at.replace(/[-:]|\.\d+/g, '')}-${randomUUID().slice(0, 6)}`;
