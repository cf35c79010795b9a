/** Tests of the API on the environment `json` (S3) as it would be deployed. */
import { include } from '../../server/suite.ts';
import { shareDeployment } from './shared-api.ts';

shareDeployment('json');
await include('batches', () => import('../../server/batches.test.ts'));
await include('entities', () => import('../../server/entities.test.ts'));
await include('queries', () => import('../../server/queries.test.ts'));
await include('transactions', () => import('../../server/transactions.test.ts'));
