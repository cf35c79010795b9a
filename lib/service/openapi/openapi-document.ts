/** The OpenAPI 3.1 document, generated from the route table and the model. */
import * as z from 'zod';
import { type CollectionName, collectionNames, fieldsOf } from '../../model/collections.ts';
import type { JsonObject, JsonValue } from '../../model/entities.ts';
import { DEFAULT_PAGE_ENTITIES, MAX_PAGE_ENTITIES } from '../../model/limits.ts';
import { filterOperators } from '../../repository/query.ts';
import { PROBLEM_TYPE } from '../http/problems.ts';
import { type Answer, type Route, routes } from '../http/routes.ts';
import { JSON_TYPE } from '../service.ts';
import { entityBodySchema, namedSchemas, schemaRef } from './openapi-schemas.ts';

/** Statuses of the problems that any call may return. */
const COMMON_PROBLEMS = [400, 401, 403, 500, 503];

const parameter = (location: 'path' | 'query' | 'header', name: string, rest: JsonObject): JsonObject => ({
  name,
  in: location,
  ...(location === 'path' && { required: true }),
  ...rest,
});

const parameters: Readonly<Record<string, JsonObject>> = {
  collection: parameter('path', 'collection', { schema: { type: 'string', enum: [...collectionNames] } }),
  id: parameter('path', 'id', {
    schema: { type: 'string', minLength: 1, maxLength: 255 },
    description: 'Id of the entity, percent-encoded.',
  }),
  'If-Match': parameter('header', 'If-Match', {
    schema: { type: 'string' },
    description: 'The ETag the entity must have, or * for any; otherwise 412.',
    example: '"3"',
  }),
  'If-None-Match': parameter('header', 'If-None-Match', {
    schema: { type: 'string' },
    description:
      'On GET: ETags the caller already has, for a 304. On PUT: * if the entity must not exist; otherwise 412.',
    example: '*',
  }),
  order_by: parameter('query', 'order_by', {
    schema: { type: 'string', default: 'created_at' },
    description:
      'A scalar field, prefixed with - for descending order. Absent values come last; ties are ordered by id.',
    example: '-created_at',
  }),
  limit: parameter('query', 'limit', {
    schema: { type: 'integer', minimum: 1, maximum: MAX_PAGE_ENTITIES, default: DEFAULT_PAGE_ENTITIES },
    description: 'Maximum number of entities in the page. A page may end earlier, with a cursor.',
  }),
  cursor: parameter('query', 'cursor', {
    schema: { type: 'string' },
    description: 'next_cursor of the previous page, with the same filters and order.',
  }),
  group_by: parameter('query', 'group_by', {
    schema: { type: 'string' },
    description: 'A scalar field. Entities without it are counted, but in no group.',
  }),
};

const isFilterable = ({ type }: { type: string }): boolean => type !== 'list' && type !== 'object';

/** One parameter that represents all filters: their names are the scalar fields, alone or with an operator. */
function filterParameter(): JsonObject {
  const scalarsOf = (collection: CollectionName): string[] =>
    [...fieldsOf(collection)].filter(([, field]) => isFilterable(field)).map(([name]) => name);
  const fields = [...new Set(collectionNames.flatMap(scalarsOf))];
  return parameter('query', 'filters', {
    style: 'form',
    explode: true,
    schema: {
      type: 'object',
      propertyNames: { pattern: `^(${fields.join('|')})(\\[(${filterOperators.join('|')})\\])?$` },
      additionalProperties: { anyOf: [{ type: 'string' }, { type: 'array', items: { type: 'string' } }] },
    },
    description:
      'Filters, each its own parameter: field=value (repeated: any of its values) or ' +
      `field[operator]=value with the operators ${filterOperators.join(', ')}. All filters must hold.`,
    example: { status: 'PENDING', 'created_at[gte]': '2026-11-22T10:00:00Z' },
  });
}

function parametersOf({ path, preconditions = [], query }: Route): JsonValue[] {
  const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name as string);
  const ofQuery = { query: ['order_by', 'limit', 'cursor'], count: ['group_by'] };
  const names = [...named, ...preconditions, ...(query === undefined ? [] : ofQuery[query])];
  const list = names.map((name) => parameters[name] as JsonObject);
  return query === undefined ? list : [...list, filterParameter()];
}

const content = (type: string, schema: JsonValue): JsonObject => ({ [type]: { schema } });

const nameOf = (body: z.ZodType): string => z.globalRegistry.get(body)?.title as string;

function bodyOf({ body }: Route): JsonObject {
  if (body === undefined) return {};
  if (typeof body === 'string') {
    return { requestBody: { required: true, content: content(JSON_TYPE, entityBodySchema(body)) } };
  }
  return { requestBody: { required: true, content: content(JSON_TYPE, schemaRef(nameOf(body))) } };
}

const headerDescriptions = {
  ETag: 'Version of the entity in quotes, for If-Match and If-None-Match.',
  Location: 'Path of the created resource.',
};

function answerOf({ description, schema, headers = [] }: Answer): JsonObject {
  const described = headers.map((name) => [
    name,
    { description: headerDescriptions[name], schema: { type: 'string' } },
  ]);
  return {
    description,
    ...(headers.length > 0 && { headers: Object.fromEntries(described) }),
    ...(schema !== undefined && { content: content(JSON_TYPE, schemaRef(schema)) }),
  };
}

function operationOf(route: Route): JsonObject {
  const problems = [...new Set([...COMMON_PROBLEMS, ...route.problems])];
  return {
    operationId: route.operation,
    summary: route.summary,
    parameters: parametersOf(route),
    ...bodyOf(route),
    responses: {
      ...Object.fromEntries(Object.entries(route.answers).map(([status, answer]) => [status, answerOf(answer)])),
      ...Object.fromEntries(problems.map((status) => [status, { $ref: '#/components/responses/Problem' }])),
    },
  };
}

/** JSON Schemas of the bodies that zod describes, by their titles. */
function bodySchemas(): Record<string, JsonValue> {
  const bodies = (routes as readonly Route[]).flatMap(({ body }) => (body instanceof z.ZodType ? [body] : []));
  return Object.fromEntries(
    bodies.map((body) => {
      // Uncopied objects have their schema in `meta`: zod cannot derive it from their check.
      const { $schema: _, ...schema } = z.toJSONSchema(body, { unrepresentable: 'any', io: 'output' });
      return [nameOf(body), schema as JsonValue];
    }),
  );
}

/** The document of the API. */
export function openapiDocument(): JsonObject {
  const paths: Record<string, JsonObject> = {};
  for (const route of routes) {
    paths[route.path] = { ...paths[route.path], [route.method.toLowerCase()]: operationOf(route) };
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Host Factory storage service',
      version: '1',
      description: 'Templates, requests and machines of an on-premises Host Factory. Errors are RFC 9457 problems.',
    },
    servers: [{ url: '/' }],
    security: [{}, { bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          description: 'HFSTORAGE_API_TOKEN of `hfstorage serve`. On AWS: IAM, SigV4.',
        },
      },
      responses: {
        Problem: { description: 'What went wrong.', content: content(PROBLEM_TYPE, schemaRef('Problem')) },
      },
      schemas: { ...namedSchemas(), ...bodySchemas() },
    },
  };
}
