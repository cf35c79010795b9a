/**
 * A process that copies one store to another as `hfstorage migrateRepository` does, and prints its peak memory, in
 * megabytes: `migration-process.ts SOURCE TARGET`, each the JSON of a configuration.
 */
import { keepHeapSmall } from '../lib/cli/steady-heap.ts';

keepHeapSmall();
// Imported late, since their start-up would grow the heap.
const { copyStore } = await import('./migration-stores.ts');

const [source, target] = process.argv.slice(2).map((text) => JSON.parse(text));
let peak = 0;
const timer = setInterval(() => {
  peak = Math.max(peak, process.memoryUsage.rss());
}, 20);
const { copySeconds, wholeSeconds } = await copyStore(source, target);
clearInterval(timer);
console.log(JSON.stringify({ megabytes: peak / 1e6, copySeconds, wholeSeconds }));
