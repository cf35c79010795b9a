/** `npm run bench`: every benchmark, with the ratio that it must keep. Exits with 1 where one is missed. */
import { benchJsonStore } from './json-store.ts';
import { report } from './measure.ts';

process.exitCode = report(await benchJsonStore()) ? 0 : 1;
