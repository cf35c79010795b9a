/** Keys of `api`: the deployed HTTP API. */
import { isIPv4, isIPv6 } from 'node:net';
import * as z from 'zod';

/** Whether a text is a network in CIDR notation, such as 192.0.2.0/24. */
function isNetwork(text: string): boolean {
  const [address = '', bits = '', ...rest] = text.split('/');
  if (rest.length > 0 || !/^\d{1,3}$/.test(bits)) return false;
  return isIPv4(address) ? Number(bits) <= 32 : isIPv6(address) && Number(bits) <= 128;
}

const customDomain = z
  .strictObject({
    name: z
      .string()
      .regex(/^([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]{2,}$/, { error: 'must be a host name such as api.example.com' })
      .describe('Host name of the API. Its DNS record is yours to make: an output of the stack names its target.'),
    certificate_arn: z
      .string()
      .regex(/^arn:aws[a-z-]*:acm:/, { error: 'must be the ARN of a certificate in ACM' })
      .describe('Certificate of that name in ACM, in the region of the stacks.'),
    truststore: z
      .string()
      .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/.+$/, {
        error: 'must be an object such as s3://bucket/truststore.pem',
      })
      .optional()
      .describe('CA certificates in PEM. With it, only callers with a certificate of theirs connect (mutual TLS).'),
    truststore_version: z
      .string()
      .min(1)
      .optional()
      .describe('Version of that object. Name one: CloudFormation does not notice a new object under the same name.'),
  })
  .superRefine(({ truststore, truststore_version }, context) => {
    if (truststore !== undefined || truststore_version === undefined) return;
    context.addIssue({ code: 'custom', path: ['truststore_version'], message: 'applies with truststore only' });
  });

// API Gateway: 10,000 calls a second and bursts of 5,000, for all APIs of an account in a region.
const rate = () => z.number().positive({ error: 'must be more than 0' }).max(10_000);
const burst = () => z.int().min(1).max(5000);

const throttling = z.strictObject({
  rate: rate().default(500).describe('Calls a second, of all callers together.'),
  burst: burst().default(1000).describe('Calls at one moment, of all callers together.'),
});

const usagePlan = z.strictObject({
  caller: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,49}$/, { error: 'must be a name of letters, digits and -' })
    .describe('Name of the caller, and of its API key.'),
  rate: rate().describe('Calls a second of this caller.'),
  burst: burst().describe('Calls at one moment of this caller.'),
  daily_quota: z.int().min(1).optional().describe('Calls a day of this caller.'),
});

export const api = z
  .strictObject({
    endpoint: z
      .enum(['regional', 'private'])
      .default('regional')
      .describe('regional is reached from the internet, private through VPC endpoints only.'),
    vpc_endpoint_ids: z
      .array(z.string().regex(/^vpce-[0-9a-f]+$/, { error: 'must be the id of a VPC endpoint' }))
      .default([])
      .describe('VPC endpoints of execute-api through which a private API is reached.'),
    authorization: z
      .enum(['iam', 'none'])
      .default('iam')
      .describe(
        'iam takes calls that are signed (SigV4) by a role that may invoke the API. none is for mutual TLS or a private endpoint.',
      ),
    allowed_networks: z
      .array(z.string().refine(isNetwork, { error: 'must be a network such as 192.0.2.0/24' }))
      .default([])
      .describe('Networks from which calls are taken. All where empty.'),
    custom_domain: customDomain.optional().describe('A host name of your own, in place of that of API Gateway.'),
    throttling: throttling.prefault({}).describe('How many calls are taken.'),
    usage_plans: z
      .array(usagePlan)
      .default([])
      .describe('Limits of single callers. With any, each call must carry the API key of its caller (x-api-key).'),
    waf: z.boolean().default(false).describe("Whether AWS WAF filters calls, by AWS's managed rules."),
    tracing: z.boolean().default(true).describe('Whether AWS X-Ray traces calls.'),
    account_log_role: z
      .boolean()
      .default(true)
      .describe(
        'Whether the role by which API Gateway writes logs is made. It is one for account and region: false where there is one.',
      ),
  })
  .superRefine((config, context) => {
    const { endpoint, vpc_endpoint_ids, authorization, custom_domain, usage_plans } = config;
    const refuse = (key: keyof typeof config, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (endpoint === 'private' && vpc_endpoint_ids.length === 0) {
      refuse('vpc_endpoint_ids', 'must name a VPC endpoint with endpoint "private": nobody could call the API');
    }
    if (endpoint === 'regional' && vpc_endpoint_ids.length > 0) {
      refuse('vpc_endpoint_ids', 'applies with endpoint "private" only; remove it, or set endpoint to "private"');
    }
    if (endpoint === 'private' && custom_domain !== undefined) {
      refuse('custom_domain', 'applies with endpoint "regional" only; remove it');
    }
    if (authorization === 'none' && endpoint === 'regional' && custom_domain?.truststore === undefined) {
      refuse('authorization', 'must be "iam" for an API on the internet, unless custom_domain has a truststore');
    }
    const callers = usage_plans.map(({ caller }) => caller.toLowerCase());
    if (new Set(callers).size < callers.length) refuse('usage_plans', 'must name each caller once');
  });

/** The deployed HTTP API, complete with defaults. */
export type ApiConfig = z.output<typeof api>;
