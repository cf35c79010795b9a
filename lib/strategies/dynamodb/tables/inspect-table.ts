/** The findings of `hfstorage doctor` about one existing table. */
import type { GlobalSecondaryIndexDescription, TableDescription } from '@aws-sdk/client-dynamodb';
import type { Finding } from '../../../repository/finding.ts';
import { type Capacity, createIndexInput, type IndexDefinition, type TableDefinition } from './table-definitions.ts';

type Index = GlobalSecondaryIndexDescription;

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

const PROVISIONED = 'PROVISIONED';
const ON_DEMAND = 'PAY_PER_REQUEST';

function statusFinding(table: TableDescription, subject: string): Finding {
  const { TableStatus = 'of unknown status', ItemCount = 0, TableSizeBytes = 0 } = table;
  const message = `The table is ${TableStatus}. As of the last count, at most 6 hours ago, it has ${ItemCount} items in ${megabytes(TableSizeBytes)}.`;
  if (TableStatus === 'ACTIVE' || TableStatus === 'UPDATING') return { level: 'ok', subject, message };
  const remedy =
    TableStatus === 'INACCESSIBLE_ENCRYPTION_CREDENTIALS'
      ? "Restore DynamoDB's access to the KMS key of the table; after 7 days the table is archived."
      : 'Wait until it is ACTIVE; if the status stays, check the events of the table in CloudTrail.';
  return { level: 'error', subject, message, remedy };
}

const capacityOf = ({ ProvisionedThroughput }: TableDescription | Index): Capacity => ({
  read: ProvisionedThroughput?.ReadCapacityUnits ?? 0,
  write: ProvisionedThroughput?.WriteCapacityUnits ?? 0,
});

/** The provisioned capacity of a table; undefined with PAY_PER_REQUEST. Tables that never used that mode do not name theirs. */
export const provisionedCapacity = (table: TableDescription): Capacity | undefined =>
  table.BillingModeSummary?.BillingMode === ON_DEMAND ? undefined : capacityOf(table);

/** Whether a capacity is the configured one, or within the range of auto scaling. */
function isConfigured({ read, write }: Capacity, { capacity, autoScaling }: TableDefinition): boolean {
  if (autoScaling === undefined) return read === capacity?.read && write === capacity.write;
  const isWithin = (value: number, { min, max }: { min: number; max: number }) => min <= value && value <= max;
  return isWithin(read, autoScaling.read) && isWithin(write, autoScaling.write);
}

const ADJUST = 'Change it where the tables are managed (CDK), or adapt dynamodb_strategy to it.';

const inWords = ({ capacity, autoScaling }: TableDefinition): string => {
  if (autoScaling === undefined) return `${capacity?.read}/${capacity?.write}`;
  const { read, write } = autoScaling;
  return `${read.min}-${read.max}/${write.min}-${write.max}`;
};

function billingFinding(table: TableDescription, definition: TableDefinition): Finding {
  const subject = definition.name;
  const capacity = provisionedCapacity(table);
  if ((capacity === undefined) !== (definition.capacity === undefined)) {
    const [found, configured] = capacity ? [PROVISIONED, ON_DEMAND] : [ON_DEMAND, PROVISIONED];
    const message = `The table is ${found}, but billing_mode is ${configured}.`;
    return { level: 'warning', subject, message, remedy: ADJUST };
  }
  if (capacity === undefined) return { level: 'ok', subject, message: `Each request is billed (${ON_DEMAND}).` };
  const indexes = (table.GlobalSecondaryIndexes ?? []).map((index) => [index.IndexName, capacityOf(index)] as const);
  const parts = [['table', capacity] as const, ...indexes];
  const list = parts.map(([name, { read, write }]) => `${name} ${read}/${write}`).join(', ');
  const message = `${PROVISIONED} read/write units a second: ${list}`;
  if (parts.every(([, capacity]) => isConfigured(capacity, definition))) {
    return { level: 'ok', subject, message: `${message}.` };
  }
  const difference = `${message}; configured for each: ${inWords(definition)}.`;
  return { level: 'warning', subject, message: difference, remedy: ADJUST };
}

const keysOf = ({ KeySchema = [] }: Pick<Index, 'KeySchema'>): string =>
  KeySchema.map(({ AttributeName }) => AttributeName).join(', ');

const REPAIR = 'Run `hfstorage doctor --repair`, which creates it while the table is in use.';

function indexFinding(subject: string, definition: IndexDefinition, found: Index | undefined): Finding | undefined {
  const { name } = definition;
  if (found === undefined) {
    const message = `The index ${name} is missing: queries that need it fail.`;
    return { level: 'error', subject, message, remedy: REPAIR };
  }
  const expected = createIndexInput(definition, undefined);
  if (keysOf(found) !== keysOf(expected) || found.Projection?.ProjectionType !== 'ALL') {
    const message = `The index ${name} projects ${found.Projection?.ProjectionType} by (${keysOf(found)}), not ALL by (${keysOf(expected)}).`;
    const remedy = 'Delete the index at a quiet hour, then run `hfstorage doctor --repair`.';
    return { level: 'error', subject, message, remedy };
  }
  if (found.IndexStatus === 'ACTIVE' || found.IndexStatus === 'UPDATING') return undefined;
  const status = found.Backfilling === true ? `${found.IndexStatus} and being filled` : found.IndexStatus;
  const message = `The index ${name} is ${status}: queries that need it fail until it is ACTIVE.`;
  return { level: 'error', subject, message, remedy: 'Wait, and run `hfstorage doctor` again.' };
}

/** The indexes of the model that a table does not have. */
export function missingIndexes(
  { GlobalSecondaryIndexes = [] }: TableDescription,
  { indexes }: TableDefinition,
): IndexDefinition[] {
  const names = GlobalSecondaryIndexes.map(({ IndexName }) => IndexName);
  return indexes.filter(({ name }) => !names.includes(name));
}

function* indexFindings(
  { GlobalSecondaryIndexes = [] }: TableDescription,
  { name: subject, indexes }: TableDefinition,
): Generator<Finding> {
  const found = new Map(GlobalSecondaryIndexes.map((index) => [index.IndexName, index]));
  const findings = indexes.flatMap((index) => indexFinding(subject, index, found.get(index.name)) ?? []);
  yield* findings;
  if (indexes.length > 0 && findings.length === 0) {
    yield { level: 'ok', subject, message: 'Every index exists and is ready.' };
  }
}

/** The remedy for a safeguard that is off. */
export const SAFEGUARD = 'Turn it on where the tables are managed (CDK).';

function deletionFinding({ DeletionProtectionEnabled }: TableDescription, subject: string): Finding {
  if (DeletionProtectionEnabled === true) return { level: 'ok', subject, message: 'Deletion protection is on.' };
  return { level: 'warning', subject, message: 'Deletion protection is off.', remedy: SAFEGUARD };
}

function encryptionFinding({ SSEDescription }: TableDescription, subject: string): Finding {
  const key = SSEDescription?.KMSMasterKeyArn;
  const owner = key === undefined ? 'a key that AWS owns' : `the KMS key ${key}`;
  return { level: 'ok', subject, message: `It is encrypted at rest with ${owner}.` };
}

/** Compares everything that DescribeTable returns with the configuration. */
export function* inspectTable(table: TableDescription, definition: TableDefinition): Generator<Finding> {
  yield statusFinding(table, definition.name);
  yield billingFinding(table, definition);
  yield* indexFindings(table, definition);
  yield deletionFinding(table, definition.name);
  yield encryptionFinding(table, definition.name);
}
