/** Keys of `storage.dynamodb_strategy`. */
import * as z from 'zod';
import { collectionNames } from '../model/collections.ts';

/** DynamoDB: 255 characters in the name of a table, which is the prefix, an underscore and the collection. */
const LONGEST_PREFIX = 255 - Math.max(...collectionNames.map((name) => `_${name}`.length));

/** DynamoDB: the quota of one table unless AWS has raised it. */
const MAX_UNITS = 40_000;

const units = () => z.int().min(1).max(MAX_UNITS);

const autoScalingKeys = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether the capacities are scaled automatically.'),
    min_read_capacity: units().default(1).describe('Minimum read units.'),
    max_read_capacity: units().default(100).describe('Maximum read units.'),
    min_write_capacity: units().default(1).describe('Minimum write units.'),
    max_write_capacity: units().default(100).describe('Maximum write units.'),
    target_utilization: z
      .int()
      .min(20)
      .max(90)
      .default(70)
      .describe('Utilization of the capacity in percent that scaling aims at.'),
  })
  .superRefine((config, context) => {
    for (const kind of ['read', 'write'] as const) {
      const minimum = config[`min_${kind}_capacity`];
      if (config[`max_${kind}_capacity`] >= minimum) continue;
      const message = `must be at least min_${kind}_capacity, ${minimum}`;
      context.addIssue({ code: 'custom', path: [`max_${kind}_capacity`], message });
    }
  });

const autoScaling = z
  .union([z.boolean(), autoScalingKeys])
  .transform((value) => (typeof value === 'object' ? value : autoScalingKeys.parse({ enabled: value })));

export const dynamodbStrategy = z
  .strictObject({
    region: z
      .string()
      .regex(/^[a-z0-9-]+$/, { error: 'must be a region such as eu-central-1' })
      .optional()
      .describe("Region of the tables. Default: AWS's usual settings."),
    profile: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Profile in AWS's shared configuration files whose credentials are used. Default: AWS's usual settings.",
      ),
    table_prefix: z
      .string()
      .min(1)
      .max(LONGEST_PREFIX)
      .regex(/^[a-zA-Z0-9_.-]*$/, { error: 'must consist of English letters, digits and the characters _ . -' })
      .default('hostfactory')
      .describe('Prefix of the names of the tables: hostfactory_templates and so on.'),
    create_tables: z
      .boolean()
      .default(true)
      .describe(
        'Whether missing tables are created when the store is opened. With false they must exist, which is not checked. Deployed functions use false: CDK creates the tables.',
      ),
    billing_mode: z
      .enum(['PAY_PER_REQUEST', 'PROVISIONED'])
      .default('PAY_PER_REQUEST')
      .describe(
        'PAY_PER_REQUEST bills each request, PROVISIONED the capacities. Applies when a table is created; existing tables are not changed.',
      ),
    read_capacity: units()
      .default(5)
      .describe(
        'Read units per second of each table and index created with billing_mode PROVISIONED. No effect with PAY_PER_REQUEST.',
      ),
    write_capacity: units()
      .default(5)
      .describe(
        'Write units per second of each table and index created with billing_mode PROVISIONED. No effect with PAY_PER_REQUEST.',
      ),
    auto_scaling: autoScaling
      .prefault(false)
      .describe(
        'Whether the capacities of PROVISIONED tables and indexes follow their use: true for 1 to 100 units at 70 percent, or an object with the limits. Applies only to deployments with CDK, which sets up Application Auto Scaling, not to tables that this program creates.',
      ),
    enable_dax: z
      .boolean()
      .default(false)
      .describe('Whether calls go through a DAX cluster, which caches. Only eventually consistent reads are cached.'),
    dax_endpoint: z
      .url({ protocol: /^daxs?$/, error: 'must be a URL that begins with dax:// or daxs://' })
      .optional()
      .describe('URL of the DAX cluster. Required with enable_dax when the store is opened.'),
    consistent_reads: z
      .boolean()
      .default(true)
      .describe(
        'Whether gets and scans see every write acknowledged before. If false they cost half the read units and may be seconds behind. Queries by an index may always be behind. DAX passes consistent reads through to the tables: it caches nothing while this is true.',
      ),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
      .optional()
      .describe('URL of DynamoDB Local or of a VPC endpoint. Default: AWS.'),
    timeout: z
      .number()
      .positive({ error: 'must be more than 0' })
      // A higher value was probably meant as milliseconds.
      .max(300)
      .default(5)
      .describe('Time limit in seconds of one attempt of a request.'),
    max_attempts: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe('Most attempts of a request that fails because of the network, the service or throttling.'),
  })
  .superRefine(({ enable_dax, dax_endpoint }, context) => {
    if (enable_dax || dax_endpoint === undefined) return;
    const message = 'applies only with enable_dax; remove it, or set enable_dax to true';
    context.addIssue({ code: 'custom', path: ['dax_endpoint'], message });
  });

/** How the DynamoDB store reaches its tables and creates them, complete with defaults. */
export type DynamodbStrategyConfig = z.output<typeof dynamodbStrategy>;
