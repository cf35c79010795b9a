/** Every call to AWS is allowed by the policies of the template, and every permission in them is used or explained. */
import { DynamoDBClient, GetItemCommand, PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, test } from '@jest/globals';
import { routes } from '../../../lib/service/http/routes.ts';
import { calls, prepare } from './calls.ts';
import { type DeployedApi, startDeployedApi } from './deployed-api.ts';
import { REGION } from './physical-ids.ts';
import { explanationOf, type FunctionGrant, leftOver, unusedGrants } from './unused-grants.ts';

const unseen: FunctionGrant[] = [];

/** Migrations and backups use other functions, and have separate tests. */
const isOfStore = (functionId: string): boolean =>
  routes.some(
    ({ operation, access }) =>
      access !== 'jobs' && functionId.startsWith(`Functions${operation.replaceAll('-', '')}Function`),
  );

describe.each(['dev', 'prod', 'json', 'sql'])('%s', (environment) => {
  let api: DeployedApi | undefined;
  afterAll(() => api?.close());

  test('the functions use exactly the permissions they have', async () => {
    api = await startDeployedApi(environment);
    await prepare(api);
    for (const [method, path, options] of calls) {
      const { status, text } = await api.call(method, path, options);
      expect([method, path, status < 300 ? 'done' : text]).toEqual([method, path, 'done']);
    }
    expect(api.app.problems()).toEqual([]);
    const unused = unusedGrants(api.app, isOfStore);
    unseen.push(...unused);
    expect(unused.filter(([functionId, grant]) => explanationOf(functionId, grant) === undefined)).toEqual([]);
  });
});

test('no explanation is obsolete', () => {
  expect(leftOver(unseen)).toEqual([]);
});

test('a call that the role does not allow is refused and recorded', async () => {
  const api = await startDeployedApi('dev');
  const { accessKeyId } = api.app.functionNamed('getentity');
  const client = new DynamoDBClient({
    endpoint: api.app.aws.url,
    region: REGION,
    credentials: { accessKeyId, secretAccessKey: 'secret' },
  });
  const TableName = 'hostfactory_templates';
  await client.send(new GetItemCommand({ TableName, Key: { template_id: { S: 't' } } }));
  const put = client.send(new PutItemCommand({ TableName, Item: { template_id: { S: 't' } } }));
  await expect(put).rejects.toMatchObject({ name: 'AccessDeniedException' });
  client.destroy();
  await expect(api.close()).rejects.toThrow(
    'dynamodb:PutItem on arn:aws:dynamodb:us-east-1:123456789012:table/hostfactory_templates',
  );
});
