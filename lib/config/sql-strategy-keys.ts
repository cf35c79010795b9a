/** Keys of `storage.sql_strategy`, each validated on its own. */
import * as z from 'zod';
import { DEFAULT_PORT, isHost, SSL_MODES } from './postgresql-access.ts';

export const DEFAULT_SQLITE_FILE = 'request_database.db';

const CONTROL_CHARACTER = /\p{Cc}/u;

// A variable filled from a file typically ends with a line break.
const name = () =>
  z
    .string()
    .refine((text) => !CONTROL_CHARACTER.test(text), { error: 'must have no line breaks or other control characters' });

// A value above one hour was probably meant as milliseconds.
const seconds = (fallback: number) => z.number().positive({ error: 'must be more than 0' }).max(3600).default(fallback);

export const sqlKeys = z.strictObject({
  type: z
    .enum(['sqlite', 'postgresql'])
    .default('sqlite')
    .describe('sqlite keeps everything in one file on this machine, postgresql on a database server.'),
  name: name()
    .optional()
    .describe(
      `SQLite: the file, relative to the current folder; default ${DEFAULT_SQLITE_FILE}. PostgreSQL: the name of the database, required.`,
    ),
  host: z
    .string()
    .refine((host) => host === '' || isHost(host), {
      error: 'must be a host name, an IP address or the folder of a Unix socket; the port belongs in port',
    })
    .default('')
    .describe('PostgreSQL: the server, or the folder of its Unix socket, which begins with /.'),
  port: z.int().min(0).max(65_535).default(0).describe(`PostgreSQL: the port of the server; 0 means ${DEFAULT_PORT}.`),
  username: name()
    .optional()
    .describe('PostgreSQL: the user. Optional if password is the ARN of a secret that contains it.'),
  password: z
    // The usual message would quote the password.
    .string({ error: 'must be a string' })
    .optional()
    .describe(
      'PostgreSQL: the password, usually from an environment variable, or the ARN of a secret of AWS Secrets Manager. The secret is the password, or a JSON object with username and password.',
    ),
  iam_authentication: z
    .boolean()
    .default(false)
    .describe('PostgreSQL on Amazon RDS: whether a token derived from the AWS credentials replaces the password.'),
  region: z
    .string()
    .regex(/^[a-z0-9-]+$/, { error: 'must be a region such as eu-central-1' })
    .optional()
    .describe(
      "Region of the secret or of the RDS instance. Default: the one in the ARN or in the host name, else AWS's usual settings.",
    ),
  sslmode: z
    .enum(SSL_MODES, {
      error: ({ input }) =>
        input === 'allow' || input === 'prefer'
          ? `must not be "${input}", which silently falls back to no encryption; use "verify-full", or "disable" if no encryption is intended`
          : undefined,
    })
    .optional()
    .describe(
      'PostgreSQL: disable encrypts nothing, require verifies nothing, verify-ca verifies the certificate, verify-full also its host name. Default: disable if the host is this machine, else verify-full.',
    ),
  sslrootcert: z
    .string()
    .min(1)
    .optional()
    .describe(
      "PostgreSQL: file of CA certificates in PEM to verify with, instead of Node's own. With it, sslmode require verifies like verify-ca.",
    ),
  connection_proxy: z
    .boolean()
    .default(false)
    .describe(
      'PostgreSQL: whether connections go through RDS Proxy or PgBouncer in transaction mode. Sessions then hold no state: statements are not prepared by name, and no timeouts are set on the server (give its user a statement_timeout).',
    ),
  pool_size: z
    .int()
    .min(1)
    .max(1000)
    .default(5)
    .describe('PostgreSQL: most connections of this process that stay open while idle. No effect on SQLite.'),
  max_overflow: z
    .int()
    .min(0)
    .max(1000)
    .default(10)
    .describe(
      'PostgreSQL: most connections beyond pool_size, which are closed once they are idle. No effect on SQLite.',
    ),
  pool_timeout: seconds(30).describe(
    'PostgreSQL: seconds that a call waits for a connection if all are in use. No effect on SQLite.',
  ),
  pool_recycle: z
    .int()
    .min(-1)
    .refine((age) => age !== 0, { error: 'must be at least 1, or -1 for never' })
    .default(3600)
    .describe(
      'PostgreSQL: seconds after which a connection is replaced by a new one; -1 for never. No effect on SQLite.',
    ),
  timeout: seconds(30).describe(
    'PostgreSQL: time limit of one statement in seconds. SQLite: seconds that a write waits for another process that is writing.',
  ),
  enable_query_cache: z
    .boolean()
    .default(false)
    .describe(
      "Whether query results are kept in memory until something is written. If true, another process's writes may be seen up to 1 second late.",
    ),
  query_cache_size: z
    .int()
    .min(1)
    .default(1000)
    .describe(
      "Most pages and counts per collection kept with enable_query_cache. While it is on, another process's writes may be seen up to 1 second late.",
    ),
});

export type SqlKeys = z.output<typeof sqlKeys>;
