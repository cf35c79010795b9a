/** Requests a server that tests need. The first request starts it, and all wait until it is ready. */
import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';

export type BackendName = 's3' | 'postgresql' | 'dynamodb';

/** The value that unit tests get instead of the address: they must run without servers. */
export const NO_BACKENDS = 'none';

/** The stack does not help a reader who has to install something. */
function lineOf(message: string): Error {
  const error = new Error(message);
  error.stack = message;
  return error;
}

async function ask(name: BackendName): Promise<void> {
  const address = process.env.HFSTORAGE_TEST_BACKENDS;
  if (address === undefined) throw lineOf(`This test needs ${name}: run it by \`npm test\`, which starts a server.`);
  if (address === NO_BACKENDS)
    throw lineOf(
      `A unit test has asked for ${name}: see to it that it needs no server, or move it to another project of jest.config.js.`,
    );
  // Without an agent no connection outlives the answer. Unlike fetch, it waits for as long as an installation takes.
  const call = request(`${address}/${name}`, { agent: false }).end();
  const [answer] = (await once(call, 'response')) as [IncomingMessage];
  const body = await text(answer);
  if (answer.statusCode !== 200) throw lineOf(body);
  Object.assign(process.env, JSON.parse(body));
}

const asked = new Map<BackendName, Promise<void>>();

/**
 * Ensures that a server is running and sets the variables with its address: `HFSTORAGE_TEST_S3_ENDPOINT` and
 * `HFSTORAGE_TEST_S3_BUCKET`, `HFSTORAGE_TEST_POSTGRES_URL`, or `HFSTORAGE_TEST_DYNAMODB_ENDPOINT`.
 * @throws Error of one line that says what to install; nothing is skipped silently
 */
export function needBackend(name: BackendName): Promise<void> {
  const answer = asked.get(name) ?? ask(name);
  asked.set(name, answer);
  return answer;
}
