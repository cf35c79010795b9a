/**
 * The stored collections, each declared once. Validation, TypeScript types, the OpenAPI document, table definitions and
 * the query planner's view of the indexes are all derived from `collections`.
 */

/** The type of a field. Lists and objects hold any JSON; the other types are the scalars that filters and orders accept. */
export type FieldType = 'string' | 'integer' | 'timestamp' | 'list' | 'object';

/** One declared field. Lengths count Unicode code points, as SQL's VARCHAR does. */
export interface FieldDeclaration {
  readonly type: FieldType;
  readonly description: string;
  /** Whether an entity without the field is refused. */
  readonly required?: true;
  /** Stored if a new entity omits the field. */
  readonly default?: string;
  /** Stored if a new entity omits the field: the same-named field of the entity that `reference` points to. */
  readonly defaultFrom?: { readonly reference: string };
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  /** One integer below `minimum` that is also allowed, with a special meaning. */
  readonly exception?: number;
  /** The collection whose id this field holds. */
  readonly references?: 'templates' | 'requests';
}

/** An index: equality on the first field, order and ranges on the second. */
export interface IndexDeclaration {
  readonly name: string;
  readonly partitionKey: string;
  readonly sortKey: string;
}

export interface CollectionDeclaration {
  readonly idField: string;
  readonly description: string;
  readonly fields: Readonly<Record<string, FieldDeclaration>>;
  readonly indexes: readonly IndexDeclaration[];
}

/** PostgreSQL's INTEGER: the largest integer that every store can hold in a declared integer field. */
export const MAX_INTEGER = 2_147_483_647;

const entityId = { type: 'string', minLength: 1, maxLength: 255 } as const;
const requiredId = { ...entityId, required: true } as const;
const shortText = { type: 'string', minLength: 1, maxLength: 50 } as const;
const requiredShortText = { ...shortText, required: true } as const;
const address = { type: 'string', maxLength: 45 } as const;

const index = <P extends string>(partitionKey: P) =>
  ({ name: `${partitionKey}-created_at-index`, partitionKey, sortKey: 'created_at' }) as const;

/** Fields that the store itself maintains in every entity. */
export const systemFields = {
  created_at: { type: 'timestamp', description: "When the entity was created: the caller's value if given, else now." },
  updated_at: { type: 'timestamp', description: 'When the entity was last written; set by the store.' },
  version: { type: 'integer', minimum: 0, description: '1 on creation, one more at each write; set by the store.' },
} as const satisfies Record<string, FieldDeclaration>;

export const collections = {
  templates: {
    idField: 'template_id',
    description: 'A description from which machines are started.',
    fields: {
      template_id: { ...requiredId, description: 'The template.' },
      name: { ...requiredId, description: 'Name shown to people.' },
      provider_api: {
        ...requiredShortText,
        description: 'Provider API that starts the machines, such as RunInstances.',
      },
      vm_type: { ...requiredShortText, description: 'Machine type, such as t3.medium.' },
      max_number: {
        type: 'integer',
        required: true,
        minimum: 1,
        exception: -1,
        description: 'Maximum number of machines in one request; -1 for no limit.',
      },
      image_id: { type: 'string', maxLength: 255, description: 'Machine image.' },
      subnet_ids: { type: 'list', description: 'Subnets in which the machines may run.' },
      security_group_ids: { type: 'list', description: 'Security groups of the machines.' },
      attributes: { type: 'object', description: 'Host Factory attributes, such as ncpus and nram.' },
    },
    indexes: [],
  },
  requests: {
    idField: 'request_id',
    description: 'A request for machines of one template, or for their return.',
    fields: {
      request_id: { ...requiredId, description: 'The request.' },
      template_id: { ...requiredId, references: 'templates', description: 'Template of the machines.' },
      machine_count: { type: 'integer', required: true, minimum: 0, description: 'Number of machines requested.' },
      status: { ...requiredShortText, description: 'State of the request, such as PENDING.' },
      request_type: { ...requiredShortText, default: 'provision', description: 'Kind of the request.' },
      completed_at: { type: 'timestamp', description: 'When the request ended.' },
      tags: { type: 'object', description: 'Tags of the caller.' },
      metadata: { type: 'object', description: 'Data of the caller.' },
    },
    indexes: [index('template_id'), index('status')],
  },
  machines: {
    idField: 'machine_id',
    description: 'One machine of a request.',
    fields: {
      machine_id: { ...requiredId, description: 'The machine.' },
      request_id: { ...requiredId, references: 'requests', description: 'Request that the machine belongs to.' },
      template_id: {
        ...requiredId,
        references: 'templates',
        defaultFrom: { reference: 'request_id' },
        description: 'Template of the machine; by default that of its request.',
      },
      status: { ...requiredShortText, description: 'State of the machine, such as RUNNING.' },
      instance_type: { type: 'string', maxLength: 50, description: 'Machine type at the provider.' },
      provider_instance_id: { type: 'string', maxLength: 255, description: "The provider's id for the machine." },
      private_ip: { ...address, description: 'Private IPv4 or IPv6 address.' },
      public_ip: { ...address, description: 'Public IPv4 or IPv6 address.' },
      started_at: { type: 'timestamp', description: 'When the machine started.' },
      terminated_at: { type: 'timestamp', description: 'When the machine was terminated.' },
    },
    indexes: [index('request_id'), index('status'), index('template_id')],
  },
} as const satisfies Record<string, CollectionDeclaration>;

export type CollectionName = keyof typeof collections;

/** The collections in dependency order: a parent comes before its children. */
export const collectionNames = Object.keys(collections) as readonly CollectionName[];

export const isCollectionName = (name: unknown): name is CollectionName =>
  typeof name === 'string' && Object.hasOwn(collections, name);

/** The declaration of a collection with widened types, for code that treats all collections alike. */
export const declarationOf = (collection: CollectionName): CollectionDeclaration => collections[collection];

const declaredFields = new Map(
  collectionNames.map((name) => [name, new Map(Object.entries({ ...declarationOf(name).fields, ...systemFields }))]),
) as ReadonlyMap<CollectionName, ReadonlyMap<string, FieldDeclaration>>;

/** Every declared field of a collection by name, including system fields. A Map, since `__proto__` is a legal field. */
export const fieldsOf = (collection: CollectionName): ReadonlyMap<string, FieldDeclaration> =>
  declaredFields.get(collection) as ReadonlyMap<string, FieldDeclaration>;

export const idFieldOf = (collection: CollectionName): string => collections[collection].idField;

/** A field that holds the id of an entity of another collection. */
export interface Reference {
  readonly collection: CollectionName;
  readonly field: string;
  readonly parent: CollectionName;
}

/** All references of the model. */
export const references: readonly Reference[] = collectionNames.flatMap((collection) =>
  [...fieldsOf(collection)].flatMap(([field, { references: parent }]) =>
    parent === undefined ? [] : [{ collection, field, parent }],
  ),
);
const by = (key: 'collection' | 'parent') =>
  new Map(collectionNames.map((name) => [name, references.filter((reference) => reference[key] === name)]));
const referencesByChild = by('collection');
const referencesByParent = by('parent');

/** The references that entities of `collection` hold. */
export const referencesFrom = (collection: CollectionName): readonly Reference[] =>
  referencesByChild.get(collection) ?? [];

/** The references that point to entities of `collection`. */
export const referencesTo = (collection: CollectionName): readonly Reference[] =>
  referencesByParent.get(collection) ?? [];
