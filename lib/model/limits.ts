/**
 * Limits that apply to every store, so that all stores refuse what one of them cannot hold.
 */

/** With less free space on a disk, saves of large entities fail. */
export const MIN_FREE_BYTES = 400 * 1024;

/** Largest entity as UTF-8 JSON, in bytes (350 KB). */
export const MAX_ENTITY_BYTES = 350 * 1024;

/**
 * Largest entity as a DynamoDB item, in bytes. DynamoDB: 400 KB, of which 1 KB is reserved for the store's own attributes.
 * Only entities with very many tiny values reach this limit before `MAX_ENTITY_BYTES`.
 */
export const MAX_ITEM_BYTES = 399 * 1024;

/** Maximum bytes of an item per byte of JSON: a quote in a key takes two bytes as JSON and seven in an item (item-keys.ts). */
export const MAX_ITEM_GROWTH = 3.5;

/** Levels of nested containers, counting the entity itself. DynamoDB: 32 levels (measured on DynamoDB Local). */
export const MAX_NESTING = 32;

/** Smallest magnitude of a number other than 0. DynamoDB: numbers from 1E-130. */
export const MIN_NUMBER = 1e-130;

/** Entities that one transaction may read, write and check. DynamoDB: 100 items in one TransactWriteItems. */
export const MAX_TRANSACTION_ENTITIES = 100;

/** Maximum entities of one batch. */
export const MAX_BATCH_ENTITIES = 1000;

/** Maximum entities of one page. */
export const MAX_PAGE_ENTITIES = 1000;
export const DEFAULT_PAGE_ENTITIES = 100;

/** Maximum machines of one provision request. */
export const MAX_PROVISION_MACHINES = 10_000;
