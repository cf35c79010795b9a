import type { Config, StrategyName } from '../config/configuration.ts';
import type { Finding } from '../repository/finding.ts';

type Diagnose = (storage: Config['storage'], options: { repair: boolean }) => AsyncGenerator<Finding>;

const diagnoses: { readonly [S in StrategyName]: Diagnose } = {
  json: async function* ({ json_strategy }, options) {
    yield* (await import('../strategies/json/doctor.ts')).diagnoseJson(json_strategy, options);
  },
  sql: async function* ({ sql_strategy, enforce_references }, options) {
    yield* (await import('../strategies/sql/doctor.ts')).diagnoseSql(sql_strategy, enforce_references, options);
  },
  dynamodb: async function* ({ dynamodb_strategy }, options) {
    const { openClient } = await import('../strategies/dynamodb/open-dynamodb-strategy.ts');
    const client = openClient(dynamodb_strategy);
    try {
      yield* (await import('../strategies/dynamodb/doctor.ts')).diagnoseDynamodb(dynamodb_strategy, client, options);
    } finally {
      client.destroy();
    }
  },
};

/** Checks a store below the level of entities: whether it is whole, and can be read and written. Repairs it on request. */
export const diagnoseStore = ({ storage }: Config, options: { repair: boolean }): AsyncIterable<Finding> =>
  diagnoses[storage.strategy](storage, options);
