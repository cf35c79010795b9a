/** Tests of the API on the environment `dev` (DynamoDB) as it would be deployed. */
import { include } from '../../server/suite.ts';
import { shareDeployment } from './shared-api.ts';

shareDeployment('dev');
await include('answer-sizes', () => import('../../server/answer-sizes.test.ts'));
await include('batches', () => import('../../server/batches.test.ts'));
await include('entities', () => import('../../server/entities.test.ts'));
await include('openapi', () => import('../../server/openapi.test.ts'));
await include('preconditions', () => import('../../server/preconditions.test.ts'));
await include('provisioning', () => import('../../server/provisioning.test.ts'));
await include('queries', () => import('../../server/queries.test.ts'));
await include('transactions', () => import('../../server/transactions.test.ts'));
