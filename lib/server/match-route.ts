import { requireKnownCollection } from '../service/http/parameters.ts';
import { RequestError } from '../service/http/request-error.ts';
import { routes } from '../service/http/routes.ts';

type TableRoute = (typeof routes)[number];

export interface Match {
  readonly route: TableRoute;
  readonly params: ReadonlyMap<string, string>;
}

interface Resource {
  readonly path: string;
  readonly segments: readonly string[];
  readonly routes: readonly TableRoute[];
}

const isParameter = (segment: string): boolean => segment.startsWith('{');
const parameterRank = ({ segments }: Resource): string =>
  segments.map((part) => (isParameter(part) ? '1' : '0')).join('');

/** The paths of the route table. The first match wins: literal segments come before parameters, as in API Gateway. */
const resources: readonly Resource[] = [...new Set(routes.map(({ path }) => path))]
  .map((path) => ({
    path,
    segments: path.split('/').slice(1),
    routes: routes.filter((route) => route.path === path),
  }))
  .sort((a, b) => (parameterRank(a) < parameterRank(b) ? -1 : 1));

function paramsOf(resource: Resource, segments: readonly string[]): Map<string, string> | undefined {
  if (resource.segments.length !== segments.length) return undefined;
  const params = new Map<string, string>();
  for (const [i, expected] of resource.segments.entries()) {
    const segment = segments[i] as string;
    if (isParameter(expected) && segment !== '') params.set(expected.slice(1, -1), segment);
    else if (segment !== expected) return undefined;
  }
  return params;
}

const allowed = (resource: Resource): string =>
  resource.routes.flatMap(({ method }) => (method === 'GET' ? ['GET', 'HEAD'] : [method])).join(', ');

/**
 * The route of a call. HEAD is served as GET.
 * @param segments decoded segments of the path
 * @throws RequestError unknown_path, unknown_collection or method_not_allowed
 */
export function matchRoute(method: string, segments: readonly string[]): Match {
  for (const resource of resources) {
    const params = paramsOf(resource, segments);
    if (params === undefined) continue;
    // Before the method: the path of an unknown collection does not exist.
    const collection = params.get('collection');
    if (collection !== undefined) requireKnownCollection(collection);
    const route = resource.routes.find((candidate) => candidate.method === (method === 'HEAD' ? 'GET' : method));
    if (route !== undefined) return { route, params };
    const detail = `${resource.path} answers ${allowed(resource)}.`;
    throw new RequestError('method_not_allowed', detail, { headers: { Allow: allowed(resource) } });
  }
  throw new RequestError('unknown_path', 'There is nothing at this path. GET /v1/openapi.json lists all paths.');
}
