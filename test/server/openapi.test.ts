import { Validator } from '@seriousme/openapi-schema-validator';
import { collectionNames, fieldsOf } from '../../lib/model/collections.ts';
import { routes } from '../../lib/service/http/routes.ts';
import { type Body, type RunningApi, startApi } from './running-api.ts';
import { afterAll, beforeAll, describe, expect, test } from './suite.ts';

let api: RunningApi;
let document: Body & { paths: Record<string, Record<string, Body>>; components: { schemas: Record<string, Body> } };
beforeAll(async () => {
  api = await startApi();
  const reply = await api.call('GET', '/v1/openapi.json');
  expect(reply.status).toBe(200);
  document = reply.body as typeof document;
});
afterAll(() => api.close());

describe('GET /v1/openapi.json', () => {
  test('is valid OpenAPI 3.1', async () => {
    const validator = new Validator();
    expect(await validator.validate(structuredClone(document))).toEqual({ valid: true });
    expect(validator.version).toBe('3.1');
    expect(document.openapi).toMatch(/^3\.1\./);
  });

  test('has every route of the table, and no other', () => {
    const described = Object.entries(document.paths).flatMap(([path, item]) =>
      Object.entries(item).map(([method, { operationId }]) => `${method.toUpperCase()} ${path} ${operationId}`),
    );
    expect(described.sort()).toEqual(
      routes.map(({ method, path, operation }) => `${method} ${path} ${operation}`).sort(),
    );
  });

  test('every reference can be resolved', () => {
    const references = [...JSON.stringify(document).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = '']) => path);
    expect(references.length).toBeGreaterThan(20);
    for (const path of new Set(references)) {
      const target = path.split('/').reduce<unknown>((value, key) => (value as Body | undefined)?.[key], document);
      expect([path, target]).toEqual([path, expect.any(Object)]);
    }
  });

  test('describes the entities of the model', () => {
    const names = ['Template', 'Request', 'Machine'];
    for (const [i, collection] of collectionNames.entries()) {
      const schema = document.components.schemas[names[i] as string] as { properties: Body; required: string[] };
      expect(Object.keys(schema.properties)).toEqual([...fieldsOf(collection).keys()]);
      expect(schema.required).toEqual(expect.arrayContaining(['version', 'created_at', 'updated_at']));
    }
    expect(document.components.schemas.Template).toMatchObject({
      properties: {
        max_number: { type: 'integer', anyOf: [{ minimum: 1 }, { const: -1 }] },
        vm_type: { type: 'string', minLength: 1, maxLength: 50 },
      },
    });
    const input = document.components.schemas.MachineInput as { required: string[]; properties: Body };
    expect(input.required).toEqual(['request_id', 'status']);
    expect(input.properties.private_ip).toMatchObject({ anyOf: [{ type: 'string', maxLength: 45 }, { type: 'null' }] });
  });

  test('describes the bodies of the calls', () => {
    const { BatchGet, Transaction, ProvisionRequest } = document.components.schemas;
    expect(BatchGet).toMatchObject({
      properties: { ids: { minItems: 1, maxItems: 1000, items: { type: 'string' } } },
      additionalProperties: false,
    });
    expect(Transaction).toMatchObject({
      properties: { operations: { maxItems: 100, items: { oneOf: expect.any(Array) } } },
    });
    expect(ProvisionRequest).toMatchObject({ properties: { machine_count: { minimum: 1, maximum: 10_000 } } });
  });
});
