import { expect, test } from '@jest/globals';
import { itemBytes } from '../../lib/model/item-size.ts';
import { checkEntity } from '../../lib/model/validation.ts';

// How many of each fill an item of 409,600 bytes together with an id, measured on DynamoDB Local 3.3.1.
const MEASURED: readonly (readonly [name: string, fit: number, entity: (n: number) => Record<string, unknown>])[] = [
  ['ones', 136_513, (n) => ({ id: '1', a: Array(n).fill(1) })],
  ['zeros', 204_796, (n) => ({ id: '1', a: Array(n).fill(0) })],
  ['minus ones', 102_398, (n) => ({ id: '1', a: Array(n).fill(-1) })],
  ['numbers of two digits', 136_513, (n) => ({ id: '1', a: Array(n).fill(12) })],
  ['numbers of three digits', 102_398, (n) => ({ id: '1', a: Array(n).fill(123) })],
  ['long fractions', 37_211, (n) => ({ id: '1', a: Array(n).fill(Math.PI) })],
  ['negative fractions', 40_945, (n) => ({ id: '1', a: Array(n).fill(-0.1234567890123) })],
  ['tiny numbers', 136_513, (n) => ({ id: '1', a: Array(n).fill(1e-7) })],
  ['nulls', 204_796, (n) => ({ id: '1', a: Array(n).fill(null) })],
  ['empty lists', 102_398, (n) => ({ id: '1', a: Array(n).fill([]) })],
  ['empty objects', 102_398, (n) => ({ id: '1', a: Array(n).fill({}) })],
  ['members', 46_725, (n) => ({ id: '1', a: Object.fromEntries(Array.from({ length: n }, (_, i) => [`k${i}`, 1])) })],
  ['text', 204_796, (n) => ({ id: '1', a: 'ü'.repeat(n) })],
];

test.each(MEASURED)('%s are counted as DynamoDB counts them', (_, fit, entity) => {
  const bytes = itemBytes(entity(fit));
  expect(bytes).toBeLessThanOrEqual(409_600);
  // Measured in steps of up to 50 elements.
  expect(itemBytes(entity(fit + 51))).toBeGreaterThan(409_600);
});

const template = (attributes: object) => ({
  template_id: 't',
  name: 'n',
  provider_api: 'p',
  vm_type: 'v',
  max_number: 1,
  attributes,
});

test('an entity within 350 KB of JSON that DynamoDB could not hold is refused on every store', () => {
  const { problems } = checkEntity('templates', template({ flags: Array(150_000).fill(1) }));
  expect(problems).toEqual([{ path: '', message: expect.stringContaining('as a DynamoDB item') }]);
  expect(checkEntity('templates', template({ flags: Array(130_000).fill(1) })).problems).toEqual([]);
  expect(checkEntity('templates', template({ text: 'x'.repeat(350_000) })).problems).toEqual([]);
});
