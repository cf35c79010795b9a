/** A function with the driver of PostgreSQL and the signer of its tokens, and nothing else. */
import { Signer } from '@aws-sdk/rds-signer';
import pg from 'pg';

export const handler = async (event: { host: string; user: string }): Promise<object> => {
  const signer = new Signer({ hostname: event.host, port: 5432, username: event.user });
  const client = new pg.Client({ ...event, password: () => signer.getAuthToken() });
  await client.connect();
  return (await client.query('SELECT 1')).rows;
};
