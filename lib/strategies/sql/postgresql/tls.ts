/** How a connection to PostgreSQL is encrypted and verified. */
import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type ConnectionOptions, createSecureContext } from 'node:tls';
import { sslModeOf } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { ConfigurationError } from '../../../repository/errors.ts';

const CERTIFICATE = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs;

const reasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this process may not read it',
};

function unusable(file: string, reason: string, cause?: unknown): ConfigurationError {
  return new ConfigurationError(
    `The CA certificates in ${file} cannot be used: ${reason}. Correct sql_strategy.sslrootcert.`,
    { cause },
  );
}

async function readCertificates(file: string): Promise<string[]> {
  let text: string;
  try {
    text = await readFile(file, 'latin1');
  } catch (error) {
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw unusable(file, reasons[code] ?? message, error);
  }
  const certificates = text.match(CERTIFICATE);
  if (certificates === null) throw unusable(file, 'it holds no certificate in PEM');
  // Node silently ignores certificates that it cannot read, and then trusts no server.
  for (const [i, certificate] of certificates.entries()) {
    try {
      new X509Certificate(certificate);
    } catch (error) {
      throw unusable(file, `its certificate ${i + 1} cannot be read`, error);
    }
  }
  return certificates;
}

/**
 * The TLS options for `sslmode` and `sslrootcert`, with the meaning that libpq gives them; false for no encryption.
 * https://www.postgresql.org/docs/current/libpq-ssl.html
 * @throws ConfigurationError if the file of sslrootcert is missing or holds no certificates in PEM
 */
export async function tlsOptions(config: SqlStrategyConfig): Promise<false | ConnectionOptions> {
  const mode = sslModeOf(config);
  const { sslrootcert } = config;
  if (mode === 'disable') return false;
  if (mode === 'require' && sslrootcert === undefined) return { rejectUnauthorized: false };
  return {
    // Explicit, so that NODE_TLS_REJECT_UNAUTHORIZED=0 has no effect.
    rejectUnauthorized: true,
    // Made once: reading the hundred certificates of RDS for every connection would take milliseconds.
    ...(sslrootcert === undefined
      ? {}
      : { secureContext: createSecureContext({ ca: await readCertificates(sslrootcert) }) }),
    ...(mode === 'verify-full' ? {} : { checkServerIdentity: () => undefined }),
  };
}
