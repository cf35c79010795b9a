/** Bodies of the calls that take more than one entity. The model validates the entities themselves. */
import * as z from 'zod';
import { collectionNames, MAX_INTEGER } from '../../model/collections.ts';
import { isPlainObject } from '../../model/json-values.ts';
import { MAX_BATCH_ENTITIES, MAX_PROVISION_MACHINES, MAX_TRANSACTION_ENTITIES } from '../../model/limits.ts';

const collection = z.enum(collectionNames).meta({ description: 'Which collection.' });

/** A JSON object that is passed on uncopied: zod would drop a member called `__proto__`. */
const jsonObject = (description: string) =>
  z.custom<Readonly<Record<string, unknown>>>(isPlainObject, 'must be an object').meta({ type: 'object', description });

/** A list whose length is checked before its items, so that millions of invalid items are one problem. */
const listOf = <T extends z.ZodType>(item: T, limit: number) =>
  z.array(z.unknown()).min(1).max(limit).pipe(z.array(item).min(1).max(limit));

const entityId = z.string().meta({ description: 'Id of the entity.' });
const versionFrom = (minimum: number, description: string) =>
  z.int().min(minimum).max(MAX_INTEGER).optional().meta({ description });

export const batchGetBody = z
  .strictObject({
    collection,
    ids: z
      .array(z.unknown())
      .min(1)
      .max(MAX_BATCH_ENTITIES)
      .meta({
        items: { type: 'string' },
        description: 'Ids of the entities; a duplicate id is returned once.',
      }),
  })
  .meta({ title: 'BatchGet', description: 'Entities to get.' });

export const batchSaveBody = z
  .strictObject({
    collection,
    entities: z
      .array(z.unknown())
      .min(1)
      .max(MAX_BATCH_ENTITIES)
      .meta({
        items: { type: 'object' },
        description: 'Entities to create or replace, each on its own. One with a `version` replaces only that version.',
      }),
  })
  .meta({ title: 'BatchSave', description: 'Entities to save.' });

const operation = z.discriminatedUnion('action', [
  z.strictObject({
    action: z.literal('save'),
    collection,
    id: entityId,
    entity: jsonObject('The entity to create, or to replace the stored one.'),
    expected_version: versionFrom(0, 'Version the entity must have; 0 if it must not exist.'),
  }),
  z.strictObject({
    action: z.literal('update'),
    collection,
    id: entityId,
    changes: jsonObject('Top-level fields to replace; null removes a field.'),
    expected_version: versionFrom(1, 'Version the entity must have.'),
  }),
  z.strictObject({
    action: z.literal('delete'),
    collection,
    id: entityId,
    expected_version: versionFrom(1, 'Version the entity must have.'),
  }),
  z.strictObject({
    action: z.literal('check'),
    collection,
    id: entityId,
    expected_version: versionFrom(
      0,
      'Version the entity must have; 0 if it must not exist. If left out, it must exist in any version.',
    ),
  }),
]);

export type TransactionOperation = z.infer<typeof operation>;

export const transactionBody = z
  .strictObject({ operations: listOf(operation, MAX_TRANSACTION_ENTITIES) })
  .meta({ title: 'Transaction', description: 'Operations that take effect in order, all together or not at all.' });

export const provisionBody = z
  .strictObject({
    template_id: z.string().meta({ description: 'Template of the machines.' }),
    machine_count: z.int().min(1).max(MAX_PROVISION_MACHINES).meta({
      description: "Number of machines; at most the template's max_number, unless that is -1.",
    }),
    request_id: z
      .string()
      .nullish()
      .meta({ description: 'Id of the request, so that the call can be retried safely.' }),
    tags: jsonObject('Tags of the caller.').nullish(),
    metadata: jsonObject('Data of the caller.').nullish(),
  })
  .meta({ title: 'ProvisionRequest', description: 'A request for machines of one template.' });

export type ProvisionBody = z.infer<typeof provisionBody>;
