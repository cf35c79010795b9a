import type { Stack } from 'aws-cdk-lib';
import type { CollectionName } from '../../model/collections.ts';
import type { TableDefinition } from '../../strategies/dynamodb/tables/table-definitions.ts';
import type { ServiceFunction } from '../functions/service-function.ts';
import type { StoreNeeds } from '../functions/store-permissions.ts';

/**
 * Access to tables by name instead of by reference: an export cannot be changed while another stack uses it, and the tables
 * of another deployment are in no stack of this one.
 */
export class TableAccess {
  readonly #stack: Stack;
  readonly #region: string | undefined;
  readonly #definitions: ReadonlyMap<CollectionName, TableDefinition>;

  /** @param region of the tables; the region of the stack if left out */
  constructor(stack: Stack, definitions: readonly TableDefinition[], region?: string) {
    this.#stack = stack;
    this.#region = region;
    this.#definitions = new Map(definitions.map((definition) => [definition.collection, definition]));
  }

  tableArn(collection: CollectionName): string {
    const { name } = this.#definitions.get(collection) as TableDefinition;
    return this.#stack.formatArn({
      service: 'dynamodb',
      ...(this.#region !== undefined && { region: this.#region }),
      resource: 'table',
      resourceName: name,
    });
  }

  /** @param partitionKeys of the selected indexes; all indexes if left out */
  indexArns(collection: CollectionName, partitionKeys?: readonly string[]): string[] {
    const { indexes } = this.#definitions.get(collection) as TableDefinition;
    const selected = indexes.filter(({ partitionKey }) => partitionKeys?.includes(partitionKey) ?? true);
    return selected.map(({ name }) => `${this.tableArn(collection)}/index/${name}`);
  }

  /** Grants a function what it needs. */
  allow(target: ServiceFunction, { dynamodb }: StoreNeeds): void {
    for (const { actions, collections, indexesOn } of dynamodb) {
      const resources = collections.flatMap((collection) =>
        indexesOn === undefined ? [this.tableArn(collection)] : this.indexArns(collection, indexesOn),
      );
      target.allow(
        actions.map((action) => `dynamodb:${action}`),
        resources,
      );
    }
  }
}
