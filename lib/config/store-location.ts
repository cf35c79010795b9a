import { resolve } from 'node:path';
import type { Config } from './configuration.ts';
import { isS3BasePath } from './json-strategy.ts';
import { portOf } from './postgresql-access.ts';

/**
 * The location of a store in readable form, without secrets: equal for configurations that open the same data. For example
 * `sqlite /srv/hfstorage/request_database.db` or `dynamodb eu-central-1 hostfactory_*`.
 */
export function storeLocation({ strategy, json_strategy, sql_strategy, dynamodb_strategy }: Config['storage']): string {
  switch (strategy) {
    case 'json': {
      const { base_path, storage_type, filenames } = json_strategy;
      const folder = isS3BasePath(base_path) ? base_path.replace(/\/+$/, '') : resolve(base_path);
      const files = storage_type === 'single_file' ? [filenames.single_file] : Object.values(filenames.split_files);
      return `json ${folder}/${files.join(',')}`;
    }
    case 'sql': {
      const { type, name, host } = sql_strategy;
      return type === 'sqlite' ? `sqlite ${resolve(name)}` : `postgresql ${host}:${portOf(sql_strategy)}/${name}`;
    }
    case 'dynamodb': {
      const { endpoint, region, table_prefix } = dynamodb_strategy;
      return `dynamodb ${[endpoint, region].filter(Boolean).join(' ')} ${table_prefix}_*`.replace('  ', ' ');
    }
  }
}
