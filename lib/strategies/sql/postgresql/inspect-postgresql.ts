import { isSocketFolder, sslModeOf } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import type { Finding } from '../../../repository/finding.ts';
import type { SqlDatabase } from '../database.ts';
import type { Inspector } from '../inspector.ts';
import { quoted, tables } from '../schema.ts';

/** Share of the server's connections in use above which starting more processes may fail. */
const HIGH_USE = 0.8;

async function connection(database: SqlDatabase, subject: string): Promise<Finding> {
  const start = performance.now();
  const [[version, user, encryption] = []] = await database.reading.run(
    "SELECT current_setting('server_version'), current_user::text, " +
      '(SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl)',
  );
  const took = (performance.now() - start).toFixed(1);
  const secured = encryption === null ? 'not encrypted' : `encrypted with ${encryption}`;
  const message = `PostgreSQL ${version} answered ${user} in ${took} ms; the connection is ${secured}.`;
  return { level: 'ok', subject, message };
}

async function size(database: SqlDatabase, subject: string): Promise<Finding> {
  const parts = tables.map(({ name }) => `pg_size_pretty(pg_total_relation_size(to_regclass('${quoted(name)}')))`);
  const [[all, ...each] = []] = await database.reading.run(
    `SELECT pg_size_pretty(pg_database_size(current_database())), ${parts.join(', ')}`,
  );
  const byTable = tables.map(({ name }, i) => `${name} ${each[i] ?? 'missing'}`).join(', ');
  return { level: 'ok', subject, message: `The database takes ${all}: ${byTable}.` };
}

async function connections(database: SqlDatabase, config: SqlStrategyConfig, subject: string): Promise<Finding> {
  const [[ours, all, max] = []] = await database.reading.run(
    "SELECT count(*) FILTER (WHERE application_name = 'hfstorage'), count(*), current_setting('max_connections')::integer " +
      "FROM pg_stat_activity WHERE backend_type = 'client backend'",
  );
  const own = config.pool_size + config.max_overflow;
  const message =
    `${all} of the server's ${max} connections are in use, ${ours} of them by hfstorage. Each process with this configuration ` +
    `keeps up to ${config.pool_size} and opens up to ${own}.`;
  if (Number(all) < HIGH_USE * Number(max) && own < Number(max)) return { level: 'ok', subject, message };
  const remedy = 'Lower pool_size and max_overflow, raise max_connections of the server, or use RDS Proxy.';
  return { level: 'warning', subject, message, remedy };
}

async function* warnings(database: SqlDatabase, config: SqlStrategyConfig, subject: string): AsyncGenerator<Finding> {
  const [[timeout, recovering] = []] = await database.reading.run(
    "SELECT current_setting('statement_timeout'), pg_is_in_recovery()::text",
  );
  if (config.connection_proxy && timeout === '0') {
    yield {
      level: 'warning',
      subject,
      message: 'With connection_proxy nothing limits how long the server works on an abandoned statement.',
      remedy: `Run ALTER ROLE … SET statement_timeout = '${config.timeout}s' for the user of this program.`,
    };
  }
  if (recovering === 'true') {
    const remedy = 'Name the primary server as host.';
    yield { level: 'error', subject, message: 'This server is a standby: nothing can be written.', remedy };
  }
  if (!isSocketFolder(config.host) && sslModeOf(config) === 'require') {
    const remedy = 'Set sslmode to verify-full, with the CA certificates of the server in sslrootcert.';
    yield { level: 'warning', subject, message: 'sslmode require does not verify the identity of the server.', remedy };
  }
}

export const postgresqlInspector: Inspector = {
  async *before() {},
  async *opened(database, config) {
    const subject = `${config.host}/${config.name}`;
    yield await connection(database, subject);
    yield await size(database, subject);
    yield await connections(database, config, subject);
    yield* warnings(database, config, subject);
  },
};
