/** Finds the Java that DynamoDB Local runs on; on Debian, root gets it installed. */
import { execFile, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

const OLDEST = 17;
// A Debian release has one of them.
const PACKAGES = ['openjdk-17-jre-headless', 'openjdk-21-jre-headless'];

/** Java's major version; NaN if the command is not Java. The numbers up to 8 are written 1.8. */
function javaVersion(command: string): number {
  const { stderr } = spawnSync(command, ['-version'], { encoding: 'utf8', windowsHide: true });
  return Number(/version "(?:1\.)?(\d+)/.exec(stderr ?? '')?.[1]);
}

function installedJava(): string | undefined {
  const { JAVA_HOME } = process.env;
  const candidates = JAVA_HOME === undefined ? ['java'] : [join(JAVA_HOME, 'bin', 'java'), 'java'];
  return candidates.find((command) => javaVersion(command) >= OLDEST);
}

/** Not with spawnSync, which would block the start of the other servers during the download. */
const aptGet = (...args: string[]): Promise<boolean> =>
  promisify(execFile)('apt-get', ['-qq', ...args], { env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } }).then(
    () => true,
    () => false,
  );

async function installJava(): Promise<void> {
  if (process.getuid?.() !== 0 || !(await aptGet('--version'))) return;
  console.log(`Installing Java ${OLDEST} for the tests that need DynamoDB, once, by apt-get …`);
  await aptGet('update');
  for (const name of PACKAGES) if (await aptGet('install', '--yes', '--no-install-recommends', name)) return;
}

/**
 * The command that runs Java 17 or newer.
 * @throws Error that says what to install
 */
export async function findJava(): Promise<string> {
  const found = installedJava();
  if (found !== undefined) return found;
  await installJava();
  const now = installedJava();
  if (now !== undefined) return now;
  throw new Error(
    `The tests need DynamoDB Local: install Java ${OLDEST} or newer (on Debian: \`apt-get install ${PACKAGES[0]}\`), or set HFSTORAGE_TEST_DYNAMODB_ENDPOINT.`,
  );
}
