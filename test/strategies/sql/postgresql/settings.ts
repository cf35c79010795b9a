import pg from 'pg';
import { parseConfig } from '../../../../lib/config/parse-config.ts';
import {
  type ConnectionSettings,
  connectionSettings,
} from '../../../../lib/strategies/sql/postgresql/connection-settings.ts';

/** The settings for keys of sql_strategy, in the form of a configuration file. */
export async function settingsFor(keys: Readonly<Record<string, unknown>>): Promise<ConnectionSettings> {
  const sql_strategy = { type: 'postgresql', name: 'postgres', ...keys };
  return connectionSettings(parseConfig({ storage: { strategy: 'sql', sql_strategy } }, {}).storage.sql_strategy);
}

/** Connects and asks the server for the user and whether the connection is encrypted. */
export async function whoConnects({ client: settings }: ConnectionSettings): Promise<{ user: string; tls: boolean }> {
  const client = new pg.Client({ ...settings, connectionTimeoutMillis: 60_000 });
  // A refusal can close the socket after connect() has thrown.
  client.on('error', () => {});
  await client.connect();
  try {
    const sql = 'SELECT current_user AS user, ssl AS tls FROM pg_stat_ssl WHERE pid = pg_backend_pid()';
    return (await client.query<{ user: string; tls: boolean }>(sql)).rows[0] as { user: string; tls: boolean };
  } finally {
    await client.end();
  }
}
