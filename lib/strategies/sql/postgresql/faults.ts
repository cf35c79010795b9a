import {
  ConfigurationError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../../../repository/errors.ts';
import { LostRace } from '../database.ts';
import { tables } from '../schema.ts';

/** The connection broke, answered no more, or is of no use any more, in the middle of a call. */
export class ConnectionLost extends StorageUnavailableError {
  /** Whether the server may have done what it was told last. */
  readonly mayHaveRun: boolean;

  constructor(server: string, cause: unknown, mayHaveRun: boolean, what = 'The connection was lost.') {
    const now = mayHaveRun
      ? 'What was sent may have been stored or not: read it before you send it again.'
      : 'Nothing was stored; try again.';
    super(`Database server ${server}: ${what} ${now}`, { cause });
    this.mayHaveRun = mayHaveRun;
  }
}

// SQLSTATE codes: https://www.postgresql.org/docs/18/errcodes-appendix.html
const RACES: Readonly<Record<string, LostRace['kind']>> = {
  40001: 'serialization',
  '40P01': 'serialization',
  23503: 'constraint',
  23505: 'constraint',
};

/** The server ends the connection. */
const ENDED = new Set(['57P01', '57P02', '57P03', '57P05']);
/** Why another connection may be able to do what this one refused; undefined where that is not so. */
function uselessness(code: string, message: string): string | undefined {
  if (code === '25006' || (code === '0A000' && message.includes('standby'))) {
    return 'It takes no writes: it is a standby, or read-only for this user. Name the primary server as host; after a failover, wait a little.';
  }
  return code === '0A000' && message.includes('cached plan')
    ? 'The tables were changed while this connection was open.'
    : undefined;
}
const SOCKET_CODES = new Set(['ECONNRESET', 'EPIPE', 'ETIMEDOUT', 'ENETUNREACH', 'EHOSTUNREACH', 'ECONNABORTED']);
/** Errors of pg itself, which have no code. */
const LOST_MESSAGES =
  /^(Connection terminated|Query read timeout|Client has encountered a connection error|Client was closed)/;
const NEVER_SENT = /^Client (has encountered a connection error|was closed) and is not queryable/;

const codeOf = (error: unknown): string => String((error as { code?: unknown } | undefined)?.code ?? '');
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** Whether the server ended a transaction that did nothing for too long. */
export const isIdleTransaction = (error: unknown): boolean => codeOf(error) === '25P03';

/** Whether the server refused the login: RDS says 28000 of an IAM token, all servers 28P01 of a password. */
export const isRefusedLogin = (error: unknown): boolean => ['28P01', '28000'].includes(codeOf(error));

const unavailable: Readonly<Record<string, string>> = {
  '25P03':
    'The work of a transaction took longer than timeout allows between two statements. Nothing was stored; do slow work ' +
    'outside of the transaction, or raise timeout.',
  '53100': 'Its disk is full. Free some space there; nothing was lost, and the next call works.',
  '53200': 'It is out of memory. Try again; look at its load.',
  '53300': 'It has no connection left. Lower pool_size and max_overflow, or raise its max_connections.',
  '55P03': 'A lock could not be had in time. Try again.',
  '57014': 'A statement took longer than timeout allows, and was stopped. Nothing of it was stored; try again.',
  '58030': 'Its disk reported an error. Check its health before anything else.',
  '57P03': 'It is starting or stopping. Try again.',
};

/** Data exceptions, broken constraints, a view's check, and what a trigger raises: they come again with the same values. */
const REFUSED_ROW = /^(22|23|44|P0)/;

/** The names of the constraints that our own tables have. */
const ownConstraints = new Set(
  tables.flatMap(({ name, foreignKeys }) => [`${name}_pkey`, ...foreignKeys.map((key) => key.name)]),
);

/** Whether a constraint was broken that this program does not know, so that no other writer can have caused it. */
export function breaksUnknownRule(error: unknown): boolean {
  const { constraint } = error as { readonly constraint?: string };
  return constraint !== undefined && !ownConstraints.has(constraint);
}

/** The error of a rule of the tables that this program does not know, and that says the same however often it is asked. */
export function refusedRow(server: string, why: unknown, cause: unknown): ConfigurationError {
  const { table, column, constraint } = why as Readonly<Record<'table' | 'column' | 'constraint', string | undefined>>;
  const parts = Object.entries({ table, column, constraint }).flatMap(([key, name]) =>
    name === undefined ? [] : [`${key} ${name}`],
  );
  return new ConfigurationError(
    `The tables on ${server} refuse what was to be stored (${[messageOf(why), ...parts].join('; ')}): they have a column or a ` +
      'rule that this program does not know. Nothing was stored. Run `hfstorage doctor`, which names such columns; drop them, or ' +
      'their rules.',
    { cause },
  );
}

const DAMAGED = new Set(['XX001', 'XX002', '42703', '42804']);
const NO_TABLE = '42P01';

/** Whether a table of ours is missing. Servers say so in many languages, and name the table in all of them. */
const lacksOurTable = (code: string, message: string): boolean =>
  code === NO_TABLE && tables.some(({ name }) => new RegExp(`\\b${name}\\b`).test(message));

/**
 * An error of pg in a running connection as the error that a caller of the repository gets, or as a `LostRace`.
 * @param server such as `db.example.com:5432`
 */
export function asStorageError(error: unknown, server: string): StorageError | LostRace {
  if (error instanceof StorageError || error instanceof LostRace) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  const race = RACES[code];
  if (race !== undefined) return new LostRace(race, error);
  const unusable = uselessness(code, message);
  if (unusable !== undefined) return new ConnectionLost(server, error, false, unusable);
  if (code === '26000' || code === '42P05') {
    return new ConfigurationError(
      `The database server ${server} does not keep prepared statements: a proxy stands between. Set connection_proxy to true.`,
      { cause: error },
    );
  }
  if (ENDED.has(code) || code.startsWith('08') || SOCKET_CODES.has(code) || LOST_MESSAGES.test(message)) {
    return new ConnectionLost(server, error, !NEVER_SENT.test(message));
  }
  const why = unavailable[code];
  if (why !== undefined || code.startsWith('53') || code.startsWith('58')) {
    return new StorageUnavailableError(`The database server ${server} cannot do this now. ${why ?? `${message}.`}`, {
      cause: error,
    });
  }
  if (code === '42501') {
    return new ConfigurationError(
      `The database server ${server} does not allow it: ${message}. Grant it to the user.`,
      {
        cause: error,
      },
    );
  }
  if (code === NO_TABLE) {
    return new StorageUnavailableError(
      `A table is missing from the database on ${server} (${message}): it was dropped, or never made. ` +
        'Put it back from a backup; calls work again once it is there. To begin with nothing, start the service anew.',
      { cause: error },
    );
  }
  if (DAMAGED.has(code)) {
    return new StorageDamagedError(
      `The tables on ${server} are not those of this program (${message}). Run \`hfstorage doctor\`.`,
      { cause: error },
    );
  }
  if (REFUSED_ROW.test(code)) return refusedRow(server, error, error);
  return new StorageUnavailableError(`The database server ${server} refused a statement: ${message}.`, {
    cause: error,
  });
}

/** As `asStorageError`, for a statement that is not one of ours: what the server does not understand is the caller's. */
export function asErrorOfForeignStatement(error: unknown, server: string): StorageError | LostRace {
  const code = codeOf(error);
  // 0A000: FOR UPDATE of an aggregate, among others.
  const message = messageOf(error);
  const isStores = uselessness(code, message) !== undefined || lacksOurTable(code, message);
  const isCallers = /^(0A|22|42)/.test(code) && !isStores;
  if (!isCallers) return asStorageError(error, server);
  return new ValidationError([{ path: 'select', message: `is refused by PostgreSQL: ${message}` }]);
}

const TLS_CODE = /^(ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/;

/**
 * An error of opening a connection as the error that a caller of the repository gets.
 * @param served whether connections to this database were opened before: then what is missing has vanished
 */
export function asConnectError(error: unknown, server: string, database: string, served: boolean): StorageError {
  if (error instanceof StorageError) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  if (isRefusedLogin(error)) {
    return new ConfigurationError(
      `The database server ${server} refused the login: ${message}. Check username, password and the server's pg_hba.conf.`,
      { cause: error },
    );
  }
  if (code === '42501') {
    return new ConfigurationError(`The database server ${server} refused the user: ${message}. Grant it to the user.`, {
      cause: error,
    });
  }
  if (code === '3D000' && served) {
    return new StorageUnavailableError(
      `The database ${JSON.stringify(database)} on ${server} is gone: it was dropped or renamed while the store was open. ` +
        'Put it back from a backup; calls work again once it is there.',
      { cause: error },
    );
  }
  if (code === '3D000') {
    return new ConfigurationError(
      `The database server ${server} has no database ${JSON.stringify(database)}. Create it (createdb), or correct name.`,
      { cause: error },
    );
  }
  if (TLS_CODE.test(code) || message.startsWith('The server does not support SSL')) {
    return new ConfigurationError(
      `The connection to ${server} cannot be made secure: ${message}. Check sslmode and sslrootcert.`,
      { cause: error },
    );
  }
  const reasons: Readonly<Record<string, string>> = {
    ECONNREFUSED: 'nobody listens there',
    ENOTFOUND: 'there is no host of this name',
    ENOENT: 'there is no such socket',
    EAI_AGAIN: 'its name cannot be looked up now',
  };
  const known = unavailable[code];
  if (known !== undefined) {
    return new StorageUnavailableError(`The database server ${server} takes no connection now. ${known}`, {
      cause: error,
    });
  }
  // pg-pool has no code for it.
  const silent = message.endsWith('due to connection timeout') ? 'it did not answer within pool_timeout' : undefined;
  const why = reasons[code] ?? silent ?? message;
  return new StorageUnavailableError(`The database server ${server} cannot be reached: ${why}. Try again later.`, {
    cause: error,
  });
}
