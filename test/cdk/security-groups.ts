/** Who lets whom through, by the security groups of all stacks of an app. */
import { attributeOf } from '../e2e/deployed/physical-ids.ts';
import type { Resource, Stacks } from '../e2e/deployed/stacks.ts';

const GROUP = 'AWS::EC2::SecurityGroup';
const EVERYWHERE = '0.0.0.0/0';

type Direction = 'Ingress' | 'Egress';

/** One rule of a group, in the group or as a separate resource. */
interface Rule {
  readonly IpProtocol: string;
  readonly FromPort?: number | string;
  readonly ToPort?: number | string;
  readonly CidrIp?: string;
  readonly SourceSecurityGroupId?: string;
  readonly DestinationSecurityGroupId?: string;
}

const coversPort = ({ IpProtocol, FromPort, ToPort }: Rule, port: number): boolean =>
  IpProtocol === '-1' || (IpProtocol === 'tcp' && Number(FromPort) <= port && port <= Number(ToPort));

export const idOfGroup = (group: Resource): string => attributeOf(group, 'GroupId');

export class SecurityGroups {
  readonly #stacks: Stacks;

  constructor(stacks: Stacks) {
    this.#stacks = stacks;
  }

  /** The groups with these ids. @throws Error if the templates lack one */
  named(ids: readonly string[]): Resource[] {
    const all = this.#stacks.ofType(GROUP);
    return ids.map((id) => {
      const found = all.find((group) => idOfGroup(group) === id);
      if (found === undefined) throw new Error(`No template has the security group ${id}.`);
      return found;
    });
  }

  /** Whether something in these groups may open connections to any address at this port. */
  leadOut(from: readonly string[], port: number): boolean {
    return this.#rules(from, 'Egress').some((rule) => coversPort(rule, port) && rule.CidrIp === EVERYWHERE);
  }

  /** Why something in the groups `from` cannot connect to something in the groups `to`; empty if it can. */
  obstacles(from: readonly string[], to: readonly string[], port: number): string[] {
    const reaches = (rule: Rule) =>
      rule.CidrIp === EVERYWHERE || to.includes(rule.DestinationSecurityGroupId ?? 'no group');
    // By group, never by address: an existing VPC also contains resources that are not ours.
    const admits = (rule: Rule) => from.includes(rule.SourceSecurityGroupId ?? 'no group');
    const passes = (ids: readonly string[], direction: Direction, matches: (rule: Rule) => boolean) =>
      this.#rules(ids, direction).some((rule) => coversPort(rule, port) && matches(rule));
    const vpcs = new Set(this.named([...from, ...to]).map(({ properties }) => properties.VpcId));
    return [
      ...(passes(from, 'Egress', reaches) ? [] : [`${from.join()} may not go out to ${to.join()} at ${port}`]),
      ...(passes(to, 'Ingress', admits) ? [] : [`${to.join()} does not let ${from.join()} in at ${port}`]),
      ...(vpcs.size === 1 ? [] : [`${from.join()} and ${to.join()} are in different VPCs`]),
    ];
  }

  #rules(ids: readonly string[], direction: Direction): Rule[] {
    const within = this.named(ids).flatMap(
      ({ properties }) => (properties[`SecurityGroup${direction}`] ?? []) as Rule[],
    );
    const beside = this.#stacks
      .ofType(`${GROUP}${direction}`)
      .filter(({ properties }) => ids.includes(String(properties.GroupId)))
      .map(({ properties }) => properties as unknown as Rule);
    return [...within, ...beside];
  }
}
