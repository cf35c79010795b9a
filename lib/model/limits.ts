/**
 * Limits that hold on every store, so that what one store cannot hold is refused on all of them.
 */

/** With less space on a disk, saves of large entities fail. */
export const MIN_FREE_BYTES = 400 * 1024;

/** Largest entity as UTF-8 JSON, in bytes (350 KB). */
export const MAX_ENTITY_BYTES = 350 * 1024;

/**
 * Largest entity as a DynamoDB item, in bytes. DynamoDB: 400 KB, of which 1 KB is left for what the store itself keeps in
 * an entity. Only entities of very many tiny values reach it before they reach `MAX_ENTITY_BYTES`.
 */
export const MAX_ITEM_BYTES = 399 * 1024;

/** Most bytes of an item for a byte of JSON: a quote in a key takes two as JSON and seven there (item-keys.ts). */
export const MAX_ITEM_GROWTH = 3.5;

/** Containers inside one another, the entity itself being the first. DynamoDB: 32 levels (measured on DynamoDB Local). */
export const MAX_NESTING = 32;

/** Smallest number other than 0, without its sign. DynamoDB: numbers from 1E-130. */
export const MIN_NUMBER = 1e-130;

/** Entities that one transaction may read, write and check. DynamoDB: 100 items in one TransactWriteItems. */
export const MAX_TRANSACTION_ENTITIES = 100;

/** Entities of one batch. */
export const MAX_BATCH_ENTITIES = 1000;

/** Entities of one page. */
export const MAX_PAGE_ENTITIES = 1000;
export const DEFAULT_PAGE_ENTITIES = 100;

/** Machines of one provision request. */
export const MAX_PROVISION_MACHINES = 10_000;
