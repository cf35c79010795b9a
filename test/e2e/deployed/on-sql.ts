/** Imported before tests of the API, makes them run on the environment `sql` (PostgreSQL) as it would be deployed. */
import { useApi } from '../../server/running-api.ts';
import { startDeployedApi } from './deployed-api.ts';

useApi(() => startDeployedApi('sql'));
