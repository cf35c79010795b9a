import fc from 'fast-check';

const SURROGATES = 0xd800;
const AFTER_SURROGATES = 0xe000;
const GAP = AFTER_SURROGATES - SURROGATES;

/**
 * Any code point but halves of surrogate pairs, as the unit of `fc.string`. Its own `binary` is the same, but puts all 1.1 million
 * into a map for each string arbitrary, which takes longer than most tests.
 */
export const anyCharacter: fc.Arbitrary<string> = fc.nat(0x10ffff - GAP).map(
  (index) => String.fromCodePoint(index < SURROGATES ? index : index + GAP),
  (text) => {
    const point = typeof text === 'string' ? text.codePointAt(0) : undefined;
    const isOne = point !== undefined && text === String.fromCodePoint(point);
    if (!isOne || (point >= SURROGATES && point < AFTER_SURROGATES)) throw new Error('That is not one character.');
    return point < SURROGATES ? point : point - GAP;
  },
);
