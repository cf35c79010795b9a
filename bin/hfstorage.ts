import { failureOf } from '../lib/cli/failures.ts';
import { main } from '../lib/cli/main.ts';

// A store may fail in the background, between two calls.
process.once('uncaughtException', (error) => {
  const { code, message } = failureOf(error);
  process.stderr.write(`hfstorage: ${message}\n`);
  process.exit(code);
});
process.exitCode = await main(process.argv.slice(2));
