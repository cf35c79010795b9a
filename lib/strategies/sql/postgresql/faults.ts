import {
  ConfigurationError,
  StorageDamagedError,
  StorageError,
  StorageUnavailableError,
  ValidationError,
} from '../../../repository/errors.ts';
import { LostRace } from '../database.ts';
import { tables } from '../schema.ts';

/** The connection broke, stopped answering, or became unusable during a call. */
export class ConnectionLost extends StorageUnavailableError {
  /** Whether the server may have executed the last statement. */
  readonly mayHaveRun: boolean;

  constructor(server: string, cause: unknown, mayHaveRun: boolean, what = 'The connection was lost.') {
    const now = mayHaveRun
      ? 'The write may or may not have been stored: read the record before you repeat it.'
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
/** Why this connection is unusable although another may work; undefined if that is not the case. */
function whyUnusable(code: string, message: string): string | undefined {
  if (code === '25006' || (code === '0A000' && message.includes('standby'))) {
    return 'It accepts no writes: it is a standby, or read-only for this user. Name the primary server as host; after a failover, wait a little.';
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

/** Whether the server ended a transaction that was idle for too long. */
export const isIdleTransaction = (error: unknown): boolean => codeOf(error) === '25P03';

/** Whether the server refused the login: RDS reports 28000 for an IAM token, all servers 28P01 for a password. */
export const isRefusedLogin = (error: unknown): boolean => ['28P01', '28000'].includes(codeOf(error));

const unavailable: Readonly<Record<string, string>> = {
  '25P03':
    'The work of a transaction took longer than timeout allows between two statements. Nothing was stored; do slow work ' +
    'outside of the transaction, or raise timeout.',
  '53100': 'Its disk is full. Free some space; nothing was lost, and the next call works.',
  '53200': 'It is out of memory. Try again; check its load.',
  '53300': 'It has no connection left. Lower pool_size and max_overflow, or raise its max_connections.',
  '55P03': 'A lock was not available in time. Try again.',
  '57014': 'A statement took longer than timeout allows, and was stopped. Nothing of it was stored; try again.',
  '58030': 'Its disk reported an error. Check its health before anything else.',
  '57P03': 'It is starting or stopping. Try again.',
};

/** Data exceptions, broken constraints, a view's check, and errors raised by a trigger: the same values fail again. */
const REFUSED_ROW = /^(22|23|44|P0)/;

/** The names of the constraints that our own tables have. */
const ownConstraints = new Set(
  tables.flatMap(({ name, foreignKeys }) => [`${name}_pkey`, ...foreignKeys.map((key) => key.name)]),
);

/** Whether the broken constraint is unknown to this program, so that no race with another writer can be the cause. */
export function breaksUnknownRule(error: unknown): boolean {
  const { constraint } = error as { readonly constraint?: string };
  return constraint !== undefined && !ownConstraints.has(constraint);
}

/** The error for a rule of the tables that this program does not know, and that a retry would break again. */
export function refusedRow(server: string, why: unknown, cause: unknown): ConfigurationError {
  const { table, column, constraint } = why as Readonly<Record<'table' | 'column' | 'constraint', string | undefined>>;
  const parts = Object.entries({ table, column, constraint }).flatMap(([key, name]) =>
    name === undefined ? [] : [`${key} ${name}`],
  );
  return new ConfigurationError(
    `The tables on ${server} refuse the write (${[messageOf(why), ...parts].join('; ')}): they have a column or a rule that ` +
      'this program does not know. Nothing was stored. Run `hfstorage doctor`, which names such columns; drop them, or their rules.',
    { cause },
  );
}

const DAMAGED = new Set(['XX001', 'XX002', '42703', '42804']);
const NO_TABLE = '42P01';

/** Whether one of our tables is missing. The message may be in any language, but always names the table. */
const lacksOurTable = (code: string, message: string): boolean =>
  code === NO_TABLE && tables.some(({ name }) => new RegExp(`\\b${name}\\b`).test(message));

/**
 * Turns an error of pg on an open connection into the error that a caller of the repository gets, or into a `LostRace`.
 * @param server such as `db.example.com:5432`
 */
export function asStorageError(error: unknown, server: string): StorageError | LostRace {
  if (error instanceof StorageError || error instanceof LostRace) return error;
  const code = codeOf(error);
  const message = messageOf(error);
  const race = RACES[code];
  if (race !== undefined) return new LostRace(race, error);
  const unusable = whyUnusable(code, message);
  if (unusable !== undefined) return new ConnectionLost(server, error, false, unusable);
  if (code === '26000' || code === '42P05') {
    return new ConfigurationError(
      `The database server ${server} does not keep prepared statements: it is behind a proxy. Set connection_proxy to true.`,
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
      `A table is missing from the database on ${server} (${message}): it was dropped, or never created. ` +
        'Restore it from a backup; calls work again once it exists. To start empty, restart the service.',
      { cause: error },
    );
  }
  if (DAMAGED.has(code)) {
    return new StorageDamagedError(
      `The tables on ${server} do not have this program's schema (${message}). Run \`hfstorage doctor\`.`,
      { cause: error },
    );
  }
  if (REFUSED_ROW.test(code)) return refusedRow(server, error, error);
  return new StorageUnavailableError(`The database server ${server} refused a statement: ${message}.`, {
    cause: error,
  });
}

/** Like `asStorageError`, for a caller's own statement: if the server does not understand it, the caller is at fault. */
export function asErrorOfForeignStatement(error: unknown, server: string): StorageError | LostRace {
  const code = codeOf(error);
  // 0A000: FOR UPDATE of an aggregate, among others.
  const message = messageOf(error);
  const isStores = whyUnusable(code, message) !== undefined || lacksOurTable(code, message);
  const isCallers = /^(0A|22|42)/.test(code) && !isStores;
  if (!isCallers) return asStorageError(error, server);
  return new ValidationError([{ path: 'select', message: `is refused by PostgreSQL: ${message}` }]);
}

const TLS_CODE = /^(ERR_TLS_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH)/;

/**
 * Turns an error of opening a connection into the error that a caller of the repository gets.
 * @param served whether connections to this database were opened before: then a missing database has been removed
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
        'Restore it from a backup; calls work again once it exists.',
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
    ECONNREFUSED: 'no server is listening at this address',
    ENOTFOUND: 'there is no host with this name',
    ENOENT: 'there is no such socket',
    EAI_AGAIN: 'its name cannot be resolved now',
  };
  const known = unavailable[code];
  if (known !== undefined) {
    return new StorageUnavailableError(`The database server ${server} accepts no connections now. ${known}`, {
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
