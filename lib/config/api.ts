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
      .describe('Host name of the API. You create its DNS record: an output of the stack names the target.'),
    certificate_arn: z
      .string()
      .regex(/^arn:aws[a-z-]*:acm:/, { error: 'must be the ARN of a certificate in ACM' })
      .describe('Certificate for that name in ACM, in the region of the stacks.'),
    truststore: z
      .string()
      .regex(/^s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]\/.+$/, {
        error: 'must be an object such as s3://bucket/truststore.pem',
      })
      .optional()
      .describe(
        'CA certificates in PEM. With it, only callers with a certificate from one of these CAs can connect (mutual TLS).',
      ),
    truststore_version: z
      .string()
      .min(1)
      .optional()
      .describe('Version of that object. Give it: CloudFormation does not notice a new object under the same name.'),
  })
  .superRefine(({ truststore, truststore_version }, context) => {
    if (truststore !== undefined || truststore_version === undefined) return;
    context.addIssue({ code: 'custom', path: ['truststore_version'], message: 'applies only with truststore' });
  });

// API Gateway: 10,000 calls a second and bursts of 5,000, for all APIs of an account in a region.
const rate = () => z.number().positive({ error: 'must be more than 0' }).max(10_000);
const burst = () => z.int().min(1).max(5000);

const throttling = z.strictObject({
  rate: rate().default(500).describe('Calls per second, for all callers together.'),
  burst: burst().default(1000).describe('Burst of calls, for all callers together.'),
});

const usagePlan = z.strictObject({
  caller: z
    .string()
    .regex(/^[A-Za-z][A-Za-z0-9-]{0,49}$/, { error: 'must be a name of letters, digits and -' })
    .describe('Name of the caller, and of its API key.'),
  rate: rate().describe('Calls per second for this caller.'),
  burst: burst().describe('Burst of calls for this caller.'),
  daily_quota: z.int().min(1).optional().describe('Calls per day for this caller.'),
});

export const api = z
  .strictObject({
    endpoint: z
      .enum(['regional', 'private'])
      .default('regional')
      .describe('regional is reachable from the internet, private only through VPC endpoints.'),
    vpc_endpoint_ids: z
      .array(z.string().regex(/^vpce-[0-9a-f]+$/, { error: 'must be the id of a VPC endpoint' }))
      .default([])
      .describe('VPC endpoints of execute-api through which a private API is reachable.'),
    authorization: z
      .enum(['iam', 'none'])
      .default('iam')
      .describe(
        'iam accepts calls signed (SigV4) by a role that may invoke the API. none is for mutual TLS or a private endpoint.',
      ),
    allowed_networks: z
      .array(z.string().refine(isNetwork, { error: 'must be a network such as 192.0.2.0/24' }))
      .default([])
      .describe('Networks from which calls are accepted. Empty: all.'),
    custom_domain: customDomain.optional().describe('Your own host name, instead of that of API Gateway.'),
    throttling: throttling.prefault({}).describe('How many calls are accepted.'),
    usage_plans: z
      .array(usagePlan)
      .default([])
      .describe('Limits for individual callers. With any, each call must carry the API key of its caller (x-api-key).'),
    waf: z.boolean().default(false).describe("Whether AWS WAF filters calls with AWS's managed rules."),
    tracing: z.boolean().default(true).describe('Whether AWS X-Ray traces calls.'),
    account_log_role: z
      .boolean()
      .default(true)
      .describe(
        'Whether the role with which API Gateway writes logs is created. There is one per account and region: set false if it exists.',
      ),
  })
  .superRefine((config, context) => {
    const { endpoint, vpc_endpoint_ids, authorization, custom_domain, usage_plans } = config;
    const refuse = (key: keyof typeof config, message: string) =>
      context.addIssue({ code: 'custom', path: [key], message });
    if (endpoint === 'private' && vpc_endpoint_ids.length === 0) {
      refuse('vpc_endpoint_ids', 'must name a VPC endpoint with endpoint "private", or nobody could call the API');
    }
    if (endpoint === 'regional' && vpc_endpoint_ids.length > 0) {
      refuse('vpc_endpoint_ids', 'applies only with endpoint "private"; remove it, or set endpoint to "private"');
    }
    if (endpoint === 'private' && custom_domain !== undefined) {
      refuse('custom_domain', 'applies only with endpoint "regional"; remove it');
    }
    if (authorization === 'none' && endpoint === 'regional' && custom_domain?.truststore === undefined) {
      refuse('authorization', 'must be "iam" for an API on the internet, unless custom_domain has a truststore');
    }
    const callers = usage_plans.map(({ caller }) => caller.toLowerCase());
    if (new Set(callers).size < callers.length) refuse('usage_plans', 'must name each caller only once');
  });

/** The deployed HTTP API, complete with defaults. */
export type ApiConfig = z.output<typeof api>;
