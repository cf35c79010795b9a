/** A REST API of API Gateway as declared in the templates: its resources, its methods and its own answers. */
import { apiKeysOf } from './api-keys.ts';
import { fits } from './iam-policies.ts';
import { ACCOUNT, arn, REGION } from './physical-ids.ts';
import type { Resource, Stacks } from './stacks.ts';
import { wantsUserAgent } from './web-acl.ts';

export interface MethodProperties {
  readonly HttpMethod: string;
  readonly AuthorizationType?: string;
  readonly ApiKeyRequired?: boolean;
  readonly ResourceId: string;
  readonly Integration: {
    readonly Type: 'AWS_PROXY' | 'MOCK';
    readonly Uri?: string;
    readonly IntegrationHttpMethod?: string;
    readonly PassthroughBehavior?: string;
    readonly RequestTemplates?: Readonly<Record<string, string>>;
    readonly IntegrationResponses?: readonly IntegrationResponse[];
  };
}

export interface IntegrationResponse {
  readonly StatusCode: string;
  readonly ResponseParameters?: Readonly<Record<string, string>>;
  readonly ResponseTemplates?: Readonly<Record<string, string>>;
}

export interface GatewayResponse {
  readonly StatusCode?: string;
  readonly ResponseParameters?: Readonly<Record<string, string>>;
  readonly ResponseTemplates?: Readonly<Record<string, string>>;
}

export interface Match {
  readonly method: MethodProperties;
  /** Path with its parameters' names, such as `/{collection}/{id}`. */
  readonly resourcePath: string;
  readonly resourceId: string;
  /** As received: percent-encoded, which is how API Gateway passes them to a Lambda function. */
  readonly pathParameters: Readonly<Record<string, string>>;
}

interface Node {
  readonly id: string;
  readonly part: string;
  readonly path: string;
  readonly children: Node[];
  readonly methods: Map<string, MethodProperties>;
}

/** Literal segments come before parameters, and those before `{rest+}`. */
const rank = ({ part }: Node): number => (part.endsWith('+}') ? 2 : part.startsWith('{') ? 1 : 0);

type Found = { readonly node: Node; readonly parameters: Readonly<Record<string, string>> };

function find(node: Node, segments: readonly string[]): Found | undefined {
  const [segment, ...rest] = segments;
  if (segment === undefined) return node.methods.size === 0 ? undefined : { node, parameters: {} };
  for (const child of node.children) {
    const name = child.part.replaceAll(/[{}+]/g, '');
    if (rank(child) === 2) return { node: child, parameters: { [name]: segments.join('/') } };
    if (rank(child) === 0 && child.part !== segment) continue;
    const found = find(child, rest);
    if (found === undefined) continue;
    // A null prototype is not needed: the names come from the template.
    return rank(child) === 0 ? found : { node: found.node, parameters: { [name]: segment, ...found.parameters } };
  }
  return undefined;
}

export class RestApi {
  readonly id: string;
  readonly stage: string;
  /** The keys of its usage plans, by their descriptions. */
  readonly keys: ReadonlyMap<string, string>;
  /** Whether a firewall blocks calls without a User-Agent. */
  readonly wantsUserAgent: boolean;
  readonly #root: Node;
  readonly #responses: ReadonlyMap<string, GatewayResponse>;
  readonly #permissions: readonly { readonly functionArn: string; readonly sourceArn: string }[];

  /** @throws Error unless there is exactly one API with one stage */
  constructor(stacks: Stacks) {
    const [api, ...others] = stacks.ofType('AWS::ApiGateway::RestApi');
    const [stage] = stacks.ofType('AWS::ApiGateway::Stage');
    if (api === undefined || stage === undefined || others.length > 0)
      throw new Error('The templates have no one REST API.');
    this.id = api.ref;
    this.stage = stage.ref;
    this.keys = apiKeysOf(stacks, this);
    this.wantsUserAgent = wantsUserAgent(stacks, this);
    this.#root = treeOf(stacks, api);
    this.#responses = new Map(
      stacks
        .ofType('AWS::ApiGateway::GatewayResponse')
        .map(({ properties }) => [String(properties.ResponseType), properties as unknown as GatewayResponse]),
    );
    this.#permissions = stacks
      .ofType('AWS::Lambda::Permission')
      .filter(({ properties }) => properties.Principal === 'apigateway.amazonaws.com')
      .map(({ properties }) => ({
        functionArn: String(properties.FunctionName),
        sourceArn: String(properties.SourceArn),
      }));
  }

  /**
   * The method that answers a path below the stage; undefined if there is none. Empty segments, and therefore a trailing
   * slash, are ignored.
   */
  match(httpMethod: string, path: string): Match | undefined {
    const found = find(
      this.#root,
      path.split('/').filter((segment) => segment !== ''),
    );
    const method = found?.node.methods.get(httpMethod) ?? found?.node.methods.get('ANY');
    if (found === undefined || method === undefined) return undefined;
    return { method, resourcePath: found.node.path, resourceId: found.node.id, pathParameters: found.parameters };
  }

  /** The definition of one of API Gateway's own answers in the templates. */
  gatewayResponse(type: string): GatewayResponse | undefined {
    return this.#responses.get(type);
  }

  /** ARN of a method, as in policies of callers and permissions of functions. */
  methodArn(httpMethod: string, path: string): string {
    return arn('execute-api', `${this.id}/${this.stage}/${httpMethod}${path}`, REGION, ACCOUNT);
  }

  /** Whether API Gateway may invoke a function for a method. */
  mayInvoke(functionArn: string, httpMethod: string, resourcePath: string): boolean {
    const source = this.methodArn(httpMethod, resourcePath.replaceAll(/\{[^}]+\}/g, '*'));
    return this.#permissions.some(
      (permission) => permission.functionArn === functionArn && fits(permission.sourceArn, source),
    );
  }
}

function treeOf(stacks: Stacks, api: Resource): Node {
  const rootId = `${api.ref}-root`;
  const root: Node = { id: rootId, part: '', path: '', children: [], methods: new Map() };
  const nodes = new Map([[rootId, root]]);
  const waiting = stacks.ofType('AWS::ApiGateway::Resource');
  while (waiting.length > 0) {
    const index = waiting.findIndex(({ properties }) => nodes.has(String(properties.ParentId)));
    const [resource] = waiting.splice(index, 1);
    if (index === -1 || resource === undefined) throw new Error('A resource of the API has no parent.');
    const parent = nodes.get(String(resource.properties.ParentId)) as Node;
    const part = String(resource.properties.PathPart);
    const node: Node = { id: resource.ref, part, path: `${parent.path}/${part}`, children: [], methods: new Map() };
    parent.children.push(node);
    parent.children.sort((a, b) => rank(a) - rank(b));
    nodes.set(resource.ref, node);
  }
  for (const { properties } of stacks.ofType('AWS::ApiGateway::Method')) {
    const method = properties as unknown as MethodProperties;
    nodes.get(method.ResourceId)?.methods.set(method.HttpMethod, method);
  }
  return root;
}
