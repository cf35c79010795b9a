import { expect, test } from '@jest/globals';
import { RolePolicies } from './iam-policies.ts';

const table = 'arn:aws:dynamodb:us-east-1:1:table/t';
const key = 'arn:aws:kms:us-east-1:1:key/k';
const policies = new RolePolicies([
  { Effect: 'Allow', Action: ['dynamodb:GetItem', 'dynamodb:Batch*'], Resource: [table, `${table}/index/*`] },
  { Effect: 'Allow', Action: 'kms:Decrypt', Resource: key, Condition: { StringEquals: { 'kms:ViaService': 's3' } } },
  { Effect: 'Allow', Action: 'ec2:*', Resource: '*' },
  { Effect: 'Deny', Action: 'ec2:*', Resource: '*', Condition: { Null: { 'lambda:SourceFunctionArn': 'false' } } },
]);

test.each([
  ['dynamodb:GetItem', table, {}, true],
  ['dynamodb:getitem', table, {}, true],
  ['dynamodb:BatchGetItem', `${table}/index/i`, {}, true],
  ['dynamodb:PutItem', table, {}, false],
  ['dynamodb:GetItem', `${table}2`, {}, false],
  ['dynamodb:GetItem', `x${table}`, {}, false],
  ['kms:Decrypt', key, {}, false],
  ['kms:Decrypt', key, { 'kms:ViaService': 'dynamodb' }, false],
  ['kms:Decrypt', key, { 'kms:ViaService': 's3' }, true],
  ['ec2:DescribeSubnets', '*', {}, true],
  ['ec2:DescribeSubnets', '*', { 'lambda:SourceFunctionArn': 'arn:aws:lambda:us-east-1:1:function:f' }, false],
])('%s on %s with %j: %s', (action, resource, context, allowed) => {
  expect(policies.allows({ action, resource, context: context as Record<string, string> })).toBe(allowed);
});

test('grants are listed one by one', () => {
  expect(policies.grants).toHaveLength(6);
  expect(policies.grants).toContainEqual({ action: 'dynamodb:Batch*', resource: table });
});

test('anything unknown is an error, never a permission', () => {
  const allows = (statement: object) =>
    new RolePolicies([{ Effect: 'Allow', Action: 'a:B', Resource: '*', ...statement }]).allows({
      action: 'a:B',
      resource: 'r',
    });
  expect(() => allows({ Condition: { DateLessThan: { 'aws:CurrentTime': '2030-01-01' } } })).toThrow('DateLessThan');
  expect(() => allows({ NotResource: 'x' })).toThrow('NotResource');
});
