/** Converts templates of a Host Factory provider file (awsprov_templates.json) to entities of our model. */
import { systemFields } from '../model/collections.ts';
import { isPlainObject, setOwn } from '../model/json-values.ts';

type Fields = Record<string, unknown>;

/** A template of the file in our fields, or the reason why it cannot be converted. */
export type MappedTemplate = { readonly fields: Fields } | { readonly reason: string };

/** Keys of the file that correspond to a field here. Every other key is kept unchanged. */
const fieldOfKey = new Map([
  ['templateId', 'template_id'],
  ['providerApi', 'provider_api'],
  ['vmType', 'vm_type'],
  ['maxNumber', 'max_number'],
  ['imageId', 'image_id'],
  ['subnetId', 'subnet_ids'],
  ['subnetIds', 'subnet_ids'],
  ['securityGroupIds', 'security_group_ids'],
]);

/** Host Factory writes several subnets as one comma-separated string or as a list. */
const listOfSubnets = (subnets: unknown): unknown =>
  typeof subnets === 'string' ? subnets.split(/\s*,\s*/).filter((id) => id !== '') : subnets;

/** `vmTypes` is a list, or an object that gives each type a weight. */
function firstOf(vmTypes: unknown): unknown {
  if (Array.isArray(vmTypes)) return vmTypes[0];
  return isPlainObject(vmTypes) ? Object.keys(vmTypes)[0] : undefined;
}

/** Converts one template of the file to our fields. Saving it validates the values. */
export function mapTemplate(source: unknown): MappedTemplate {
  if (!isPlainObject(source)) return { reason: 'it is not a JSON object' };
  const fields: Fields = {};
  for (const [key, value] of Object.entries(source)) {
    if (value === null) continue;
    if (Object.hasOwn(systemFields, key)) {
      return { reason: `its key ${key} is a field that the store sets itself; remove or rename it` };
    }
    const field = fieldOfKey.get(key) ?? key;
    const stored = field === 'subnet_ids' ? listOfSubnets(value) : value;
    const earlier = Object.hasOwn(fields, field) ? fields[field] : undefined;
    if (earlier === undefined) setOwn(fields, field, stored);
    else if (field === 'subnet_ids' && Array.isArray(earlier) && Array.isArray(stored)) {
      fields[field] = [...new Set([...earlier, ...stored])];
    } else return { reason: `it has more than one key for ${field}; keep one` };
  }
  // All of vmTypes is kept too, since only the first type has a field here.
  fields.vm_type ??= firstOf(fields.vmTypes);
  fields.name ??= fields.template_id;
  return { fields };
}
