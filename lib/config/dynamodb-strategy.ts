/** Keys of `storage.dynamodb_strategy`. */
import * as z from 'zod';
import { collectionNames } from '../model/collections.ts';

/** DynamoDB: 255 characters in the name of a table, which is the prefix, an underscore and the collection. */
const LONGEST_PREFIX = 255 - Math.max(...collectionNames.map((name) => `_${name}`.length));

/** DynamoDB: the quota of one table, where AWS has not raised it. */
const MOST_UNITS = 40_000;

const units = () => z.int().min(1).max(MOST_UNITS);

const autoScalingKeys = z
  .strictObject({
    enabled: z.boolean().default(true).describe('Whether the capacities are scaled.'),
    min_read_capacity: units().default(1).describe('Fewest read units.'),
    max_read_capacity: units().default(100).describe('Most read units.'),
    min_write_capacity: units().default(1).describe('Fewest write units.'),
    max_write_capacity: units().default(100).describe('Most write units.'),
    target_utilization: z
      .int()
      .min(20)
      .max(90)
      .default(70)
      .describe('Percentage of the capacity in use that scaling aims at.'),
  })
  .superRefine((config, context) => {
    for (const kind of ['read', 'write'] as const) {
      const least = config[`min_${kind}_capacity`];
      if (config[`max_${kind}_capacity`] >= least) continue;
      const message = `must be at least min_${kind}_capacity, ${least}`;
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
      .describe("Region of the tables. AWS's usual settings where left out."),
    profile: z
      .string()
      .min(1)
      .optional()
      .describe(
        "Profile of AWS's shared configuration files whose credentials are used. AWS's usual settings where left out.",
      ),
    table_prefix: z
      .string()
      .min(1)
      .max(LONGEST_PREFIX)
      .regex(/^[a-zA-Z0-9_.-]*$/, { error: 'must have only letters of English, digits and the characters _ . -' })
      .default('hostfactory')
      .describe('What the names of the tables begin with: hostfactory_templates and so on.'),
    create_tables: z
      .boolean()
      .default(true)
      .describe(
        'Whether tables that are missing are made when the store is opened. With false they must be there, and nobody looks. Deployed functions have false: CDK makes the tables.',
      ),
    billing_mode: z
      .enum(['PAY_PER_REQUEST', 'PROVISIONED'])
      .default('PAY_PER_REQUEST')
      .describe(
        'PAY_PER_REQUEST bills each request, PROVISIONED the capacities. Applied where a table is made; tables that exist are not changed.',
      ),
    read_capacity: units()
      .default(5)
      .describe(
        'Read units per second of each table and of each index that is made with billing_mode PROVISIONED. No effect with PAY_PER_REQUEST.',
      ),
    write_capacity: units()
      .default(5)
      .describe(
        'Write units per second of each table and of each index that is made with billing_mode PROVISIONED. No effect with PAY_PER_REQUEST.',
      ),
    auto_scaling: autoScaling
      .prefault(false)
      .describe(
        'Whether the capacities of PROVISIONED tables and indexes follow their use: true for 1 to 100 units at 70 percent, or an object with the limits. Has an effect at deployment with CDK only, which sets up Application Auto Scaling; none on tables that this program makes.',
      ),
    enable_dax: z
      .boolean()
      .default(false)
      .describe('Whether calls go through a DAX cluster, which caches. Only reads that are not consistent are cached.'),
    dax_endpoint: z
      .url({ protocol: /^daxs?$/, error: 'must be a URL that begins with dax:// or daxs://' })
      .optional()
      .describe('URL of the DAX cluster. Needed with enable_dax when the store is opened; an error without.'),
    consistent_reads: z
      .boolean()
      .default(true)
      .describe(
        'Whether gets and scans see every write that was acknowledged before. If false they cost half the read units and may be up to seconds behind. Queries by an index may always be behind. DAX passes consistent reads through to the tables: it caches nothing while this is true.',
      ),
    endpoint: z
      .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
      .optional()
      .describe('URL of DynamoDB Local or of a VPC endpoint. AWS where left out.'),
    timeout: z
      .number()
      .positive({ error: 'must be more than 0' })
      // Beyond it, milliseconds were meant.
      .max(300)
      .default(5)
      .describe('Seconds that one attempt of a request may take.'),
    max_attempts: z
      .int()
      .min(1)
      .max(100)
      .default(5)
      .describe('Most attempts of a request that fails by the network, by the service or by throttling.'),
  })
  .superRefine(({ enable_dax, dax_endpoint }, context) => {
    if (enable_dax || dax_endpoint === undefined) return;
    const message = 'applies with enable_dax only; remove it, or set enable_dax to true';
    context.addIssue({ code: 'custom', path: ['dax_endpoint'], message });
  });

/** How the DynamoDB store reaches its tables and what they are made with, complete with defaults. */
export type DynamodbStrategyConfig = z.output<typeof dynamodbStrategy>;
