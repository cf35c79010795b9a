/** The order of values on every store: strings by their UTF-8 bytes, numbers by value, absent values last. */

// UTF-16 code units sort like UTF-8 bytes except that surrogates (which stand for U+10000 and above) come after
// U+E000..U+FFFF in UTF-8. Lifting them above 0xFFFF gives byte order.
const lift = (unit: number): number => (unit >= 0xd800 && unit <= 0xdfff ? unit + 0x10000 : unit);

/** Compares two strings by their UTF-8 bytes. */
export function compareUtf8(a: string, b: string): number {
  if (a === b) return 0;
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x !== y) return lift(x) - lift(y);
  }
  return a.length - b.length;
}

/** A value that filters and orders accept. */
export type Scalar = string | number;

export const isScalar = (value: unknown): value is Scalar => typeof value === 'string' || typeof value === 'number';

/** Compares two scalars. Records with values of the wrong type may mix the two: numbers then come before strings. */
export function compareScalars(a: Scalar, b: Scalar): number {
  if (typeof a === 'number') return typeof b === 'number' ? a - b : -1;
  return typeof b === 'number' ? 1 : compareUtf8(a, b);
}
