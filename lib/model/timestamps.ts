const ISO_8601 =
  /^(\d{4})-(\d{2})-(\d{2})T(\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?(Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)$/i;

/** The stored form, for days that every month has: a fast path, since a migration checks stored timestamps several times. */
const STORED = /^(?!0000)\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|1\d|2[0-8])T(?:[01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z$/;

const daysInMonth = (year: number, month: number): number => new Date(Date.UTC(year, month, 0)).getUTCDate();

/**
 * Reads an ISO 8601 date-time with offset and returns it as UTC with milliseconds, `2026-11-22T10:00:00.000Z`;
 * undefined if the text is not such a date-time. Finer fractions are truncated to milliseconds.
 */
export function normalizeTimestamp(text: string): string | undefined {
  if (STORED.test(text)) return text;
  const parts = ISO_8601.exec(text);
  if (!parts) return undefined;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return undefined;
  if (year < 1 || day > daysInMonth(year, month)) return undefined;
  const fraction = (parts[7] ?? '').padEnd(3, '0').slice(0, 3);
  const zone = (parts[8] as string).toUpperCase().replace(/^([+-]\d{2}):?(\d{2})$/, '$1:$2');
  const time = Date.parse(
    `${text.slice(0, 16).toUpperCase()}:${(parts[6] ?? '00').padStart(2, '0')}.${fraction}${zone}`,
  );
  if (Number.isNaN(time)) return undefined;
  const utc = new Date(time).toISOString();
  // A year that the offset moves out of 0001..9999 has another format, which would not sort as text.
  return utc.length === 24 && utc > '0001' ? utc : undefined;
}

/** The current time in the stored form. */
export const now = (): string => new Date().toISOString();
