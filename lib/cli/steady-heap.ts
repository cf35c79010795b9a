import { setFlagsFromString } from 'node:v8';

/** Megabytes of each half of the young generation. V8's own limit is 16 to 32. */
const SEMI_SPACE_MB = 4;
/** Percentage by which the heap may grow between two full collections. V8 lets it grow up to fourfold. */
const GROWING_PERCENT = 100;

/**
 * Keeps memory small while millions of entities stream through: they are collected early instead of filling the available
 * memory. Call it before the work begins, while the heap is still small. (Measured: a check of a million machines takes
 * 123 MB instead of 246 MB, a copy to DynamoDB about 160 MB instead of 255 MB.)
 */
export function keepHeapSmall(): void {
  setFlagsFromString(`--max-semi-space-size=${SEMI_SPACE_MB}`);
  setFlagsFromString('--semi-space-growth-factor=1');
  setFlagsFromString(`--heap-growing-percent=${GROWING_PERCENT}`);
}
