import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { normalizeTimestamp, now } from '../../lib/model/timestamps.ts';

// The years that keep four digits whatever the offset.
const instant = fc.date({
  min: new Date('0002-01-01T00:00:00Z'),
  max: new Date('9998-12-31T00:00:00Z'),
  noInvalidDate: true,
});
const two = (value: number): string => String(value).padStart(2, '0');

/** The same instant with another offset. */
function writtenAt(offsetMinutes: number, time: Date): string {
  const local = new Date(time.getTime() + offsetMinutes * 60_000).toISOString().slice(0, -1);
  const size = Math.abs(offsetMinutes);
  return `${local}${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}:${two(size % 60)}`;
}

describe('normalizeTimestamp', () => {
  test('gives the same text for an instant, whatever its offset', () => {
    fc.assert(
      fc.property(instant, fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }), (time, offset) => {
        expect(normalizeTimestamp(writtenAt(offset, time))).toBe(time.toISOString());
      }),
    );
  });

  test('does not change a normal timestamp, and the text sorts like the time', () => {
    fc.assert(
      fc.property(instant, instant, (a, b) => {
        const [x, y] = [normalizeTimestamp(a.toISOString()) as string, normalizeTimestamp(b.toISOString()) as string];
        expect(normalizeTimestamp(x)).toBe(x);
        expect(Math.sign(Number(x > y) - Number(x < y))).toBe(Math.sign(a.getTime() - b.getTime()));
      }),
    );
  });

  test('never throws, and returns a single format', () => {
    const near = fc.stringMatching(
      /^\d{4}-[01]\d-[0-3]\dT[0-2]\d:[0-6]\d:[0-6]\d(\.\d{1,10})?(Z|[+-][0-2]\d:?[0-6]\d)$/,
    );
    fc.assert(
      fc.property(fc.oneof(near, fc.string()), (text) => {
        const result = normalizeTimestamp(text);
        if (result !== undefined) expect(result).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      }),
      { numRuns: 1000 },
    );
  });

  test('truncates fractions, never rounds them', () => {
    expect(normalizeTimestamp('2026-12-31T23:59:59.999999999Z')).toBe('2026-12-31T23:59:59.999Z');
    expect(normalizeTimestamp('2026-12-31T23:59:59.0009Z')).toBe('2026-12-31T23:59:59.000Z');
  });

  test.each([
    '2026-02-30T00:00:00Z',
    '2100-02-29T00:00:00Z',
    '2026-04-31T00:00:00Z',
    '0000-01-01T00:00:00Z',
    ' 2026-01-01T00:00:00Z',
  ])('%p is not a timestamp', (text) => {
    expect(normalizeTimestamp(text)).toBeUndefined();
  });

  test('now is normal', () => {
    const time = now();
    expect(normalizeTimestamp(time)).toBe(time);
  });
});
