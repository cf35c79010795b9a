import type { CustomTypesConfig } from 'pg';

// Type ids of PostgreSQL: src/include/catalog/pg_type.dat.
const INT2 = 21;
const INT4 = 23;
const INT8 = 20;
const TIMESTAMP = 1114;

const asIs = (text: string): string => text;

/** `2026-11-22 10:00:00.5` as `2026-11-22T10:00:00.500Z`. Others, such as `infinity`, stay unchanged. */
export function timestampOf(text: string): string {
  if (text.length < 19 || text.charCodeAt(10) !== 0x20 || text.length > 23) return text;
  const fraction = text.length === 19 ? '000' : text.slice(20).padEnd(3, '0');
  return `${text.slice(0, 10)}T${text.slice(11, 19)}.${fraction}Z`;
}

/** The types of values in rows: numbers for integers, ISO 8601 for timestamps, PostgreSQL's text for all others. */
export const valueTypes: CustomTypesConfig = {
  getTypeParser: ((type: number) => {
    if (type === INT4 || type === INT8 || type === INT2) return Number;
    return type === TIMESTAMP ? timestampOf : asIs;
  }) as CustomTypesConfig['getTypeParser'],
};
