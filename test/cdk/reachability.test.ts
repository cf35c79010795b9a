/**
 * Functions in a VPC reach their store. Regression: they once ran in security groups created by CDK, which nothing accepted.
 */
import { describe, expect, test } from '@jest/globals';
import { readAssembly, type StackTemplate } from '../e2e/deployed/assembly.ts';
import { policiesOf } from '../e2e/deployed/iam-policies.ts';
import { attributeOf } from '../e2e/deployed/physical-ids.ts';
import { type Resource, Stacks } from '../e2e/deployed/stacks.ts';
import { assemblyFolder, shipped } from './assembly-folder.ts';
import { SecurityGroups } from './security-groups.ts';
import { environment } from './synthesized.ts';
import { PEER_PORT } from './variants.ts';

const POSTGRESQL = 5432;
const DAX_TLS = 9111;
const HTTPS = 443;

const inVpc = [
  'sql',
  'dax',
  'password-without-proxy',
  'password-without-proxy-in-vpc-that-exists',
  'vpc-that-exists',
  'sql-with-other-database',
  'dax-with-other-database',
  'dynamodb-with-other-database',
] as const;

// Requested together, so that they are synthesized while others are read.
const assemblies = await Promise.all(
  inVpc.map(async (name) => [name, readAssembly(await assemblyFolder(name))] as const),
);

interface VpcFunction {
  readonly name: string;
  readonly groups: readonly string[];
  readonly subnets: readonly string[];
  readonly variables: Readonly<Record<string, unknown>>;
  /** Actions that its role allows. */
  readonly actions: readonly string[];
}

const strings = (value: unknown): string[] => (value ?? []) as string[];

class Deployment {
  readonly stacks: Stacks;
  readonly groups: SecurityGroups;
  readonly functions: readonly VpcFunction[];

  constructor(templates: readonly StackTemplate[]) {
    this.stacks = new Stacks(templates, 'test');
    this.groups = new SecurityGroups(this.stacks);
    this.functions = this.stacks.ofType('AWS::Lambda::Function').map(({ stack, logicalId, properties }) => {
      const { SecurityGroupIds, SubnetIds } = (properties.VpcConfig ?? {}) as Record<string, unknown>;
      const { Variables = {} } = properties.Environment as { Variables?: Record<string, unknown> };
      const { grants } = policiesOf(this.stacks, this.stacks.find(properties.Role));
      const actions = grants.map(({ action }) => action);
      const groups = strings(SecurityGroupIds);
      return { name: `${stack}/${logicalId}`, groups, subnets: strings(SubnetIds), variables: Variables, actions };
    });
  }

  get inVpc(): VpcFunction[] {
    return this.functions.filter(({ subnets }) => subnets.length > 0);
  }

  #with(type: string, attribute: string, value: unknown): Resource | undefined {
    return this.stacks.ofType(type).find((resource) => attributeOf(resource, attribute) === value);
  }

  /** The groups and the port of the store in a function's variables; undefined if they name none in the VPC. */
  storeOf({ variables }: VpcFunction): { readonly groups: readonly string[]; readonly port: number } | undefined {
    const { HFSTORAGE_DATABASE_HOST: host, HFSTORAGE_DAX_ENDPOINT: endpoint } = variables;
    const proxy = this.#with('AWS::RDS::DBProxy', 'Endpoint', host);
    if (proxy !== undefined) return { groups: strings(proxy.properties.VpcSecurityGroupIds), port: POSTGRESQL };
    const instance = this.#with('AWS::RDS::DBInstance', 'Endpoint.Address', host);
    if (instance !== undefined) return { groups: strings(instance.properties.VPCSecurityGroups), port: POSTGRESQL };
    const cluster = this.#with('AWS::DAX::Cluster', 'ClusterDiscoveryEndpointURL', endpoint);
    return cluster && { groups: strings(cluster.properties.SecurityGroupIds), port: DAX_TLS };
  }

  /** Endpoints of the created VPC, by the last part of their service names. */
  endpoints(service: string): Resource[] {
    return this.stacks
      .ofType('AWS::EC2::VPCEndpoint')
      .filter(({ properties }) => String(properties.ServiceName).endsWith(`.${service}`));
  }

  /** Subnets whose routes lead to a gateway endpoint. */
  subnetsWithRoutesTo(endpoint: Resource): string[] {
    const tables = strings(endpoint.properties.RouteTableIds);
    return this.stacks
      .ofType('AWS::EC2::SubnetRouteTableAssociation')
      .filter(({ properties }) => tables.includes(String(properties.RouteTableId)))
      .map(({ properties }) => String(properties.SubnetId));
  }
}

test('every shipped environment with a VPC is checked', () => {
  const withVpc = shipped.filter((name) => environment(name).deployment?.vpc !== undefined);
  expect(inVpc).toEqual(expect.arrayContaining(withVpc));
});

describe.each(assemblies)('%s', (name, templates) => {
  const deployment = new Deployment(templates);
  const { groups } = deployment;
  const makesVpc = deployment.stacks.ofType('AWS::EC2::VPC').length > 0;

  test('every function that opens a store in the VPC is in it', () => {
    const opens = /^(dax:|rds-db:connect$|secretsmanager:GetSecretValue$)/;
    const openers = deployment.functions.filter(({ actions }) => actions.some((action) => opens.test(action)));
    expect(openers.filter(({ subnets }) => subnets.length === 0)).toEqual([]);
    expect(openers.length).toBeGreaterThan(7);
  });

  test('each function reaches its store', () => {
    const found = deployment.inVpc.flatMap((each) => {
      const store = deployment.storeOf(each);
      return store === undefined ? [] : groups.obstacles(each.groups, store.groups, store.port);
    });
    expect(found).toEqual([]);
    // The functions of a migration from DynamoDB have no store of ours in the VPC.
    const stores = deployment.inVpc.filter((each) => deployment.storeOf(each) !== undefined);
    expect(stores.length > 0).toBe(name !== 'dynamodb-with-other-database');
  });

  test('each function reaches Secrets Manager, S3 and DynamoDB', () => {
    for (const each of deployment.inVpc) {
      expect([each.name, groups.leadOut(each.groups, HTTPS)]).toEqual([each.name, true]);
      if (!makesVpc) continue;
      for (const service of ['s3', 'dynamodb']) {
        const reached = deployment.endpoints(service).flatMap((endpoint) => deployment.subnetsWithRoutesTo(endpoint));
        expect([each.name, reached]).toEqual([each.name, expect.arrayContaining([...each.subnets])]);
      }
      if (!each.actions.includes('secretsmanager:GetSecretValue')) continue;
      const [secrets] = deployment.endpoints('secretsmanager');
      expect(groups.obstacles(each.groups, strings(secrets?.properties.SecurityGroupIds), HTTPS)).toEqual([]);
    }
  });

  test('RDS Proxy reaches the database', () => {
    const [instance] = deployment.stacks.ofType('AWS::RDS::DBInstance');
    for (const proxy of deployment.stacks.ofType('AWS::RDS::DBProxy')) {
      const [from, to] = [proxy.properties.VpcSecurityGroupIds, instance?.properties.VPCSecurityGroups].map(strings);
      expect(groups.obstacles(from as string[], to as string[], POSTGRESQL)).toEqual([]);
    }
  });

  test('tasks of migrations reach the other database', () => {
    const tasks = deployment.inVpc.filter(({ name: task }) => task.includes('migrationcopy'));
    expect(tasks).toHaveLength(name.endsWith('with-other-database') ? 1 : 0);
    for (const task of tasks) expect(groups.leadOut(task.groups, PEER_PORT)).toBe(true);
  });

  test('no security group was created by CDK because none was given', () => {
    const descriptions = deployment.stacks
      .ofType('AWS::EC2::SecurityGroup')
      .map(({ properties }) => String(properties.GroupDescription));
    expect(descriptions.filter((text) => /automatic security group/i.test(text))).toEqual([]);
  });
});
