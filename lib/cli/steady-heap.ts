import { setFlagsFromString } from 'node:v8';

/** Megabytes of each half of the heap for young objects. V8's own limit is 16 to 32. */
const SEMI_SPACE_MB = 4;

/**
 * Keeps memory small where millions of entities stream through: with little room for young objects they are collected at
 * once, instead of filling what memory there is. Called before the work begins, when the heap has not grown yet. (Measured
 * with a million machines: 123 MB instead of 246 MB.)
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--max-semi-space-size=${SEMI_SPACE_MB}`);
  setFlagsFromString('--semi-space-growth-factor=1');
}
