/** Tests of the API on the environment `sql` (PostgreSQL) as it would be deployed. */
import { include } from '../../server/suite.ts';
import { shareDeployment } from './shared-api.ts';

shareDeployment('sql');
await include('batches', () => import('../../server/batches.test.ts'));
await include('entities', () => import('../../server/entities.test.ts'));
await include('queries', () => import('../../server/queries.test.ts'));
await include('transactions', () => import('../../server/transactions.test.ts'));
