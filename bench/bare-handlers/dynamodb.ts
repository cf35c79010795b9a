/** A function that gets an item, with the clients of DynamoDB and nothing else. */
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocument, type GetCommandInput } from '@aws-sdk/lib-dynamodb';

const documents = DynamoDBDocument.from(new DynamoDBClient({}));

export const handler = async (event: GetCommandInput): Promise<object> => {
  const { Item } = await documents.get(event);
  return { statusCode: Item === undefined ? 404 : 200 };
};
