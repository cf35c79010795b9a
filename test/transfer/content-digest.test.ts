import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import type { Entity } from '../../lib/model/entities.ts';
import { BUCKETS, bucketOf, ContentDigest } from '../../lib/transfer/content-digest.ts';

const entity = (i: number, fields: object = {}): Entity =>
  ({ machine_id: `machine-${i}`, status: 'RUNNING', n: i, version: 1, ...fields }) as Entity;
const many = Array.from({ length: 1000 }, (_, i) => entity(i));

function digestOf(entities: readonly Entity[]): ContentDigest {
  const digest = new ContentDigest();
  for (const one of entities) digest.add('machines', one);
  return digest;
}

const whole = digestOf(many);
const buckets = (digest: ContentDigest): number[] => [...whole.differingBuckets(digest)].sort((a, b) => a - b);
const bucketsOf = (...ids: number[]): number[] =>
  [...new Set(ids.map((i) => bucketOf(`machine-${i}`)))].sort((a, b) => a - b);

describe('the digest of contents', () => {
  test('is the same in any order, and for any order of fields', () => {
    const turned = many.toReversed().map((one) => Object.fromEntries(Object.entries(one).reverse()) as Entity);
    expect(digestOf(turned).text).toBe(whole.text);
    expect(buckets(digestOf(turned))).toEqual([]);
    expect(whole.count).toBe(1000);
  });

  const changes: readonly [string, readonly Entity[], number[]][] = [
    ['a changed value', many.with(500, entity(500, { status: 'STOPPED' })), bucketsOf(500)],
    ['another version', many.with(0, entity(0, { version: 2 })), bucketsOf(0)],
    ['an entity that is missing', many.slice(1), bucketsOf(0)],
    ['an entity more', [...many, entity(1000)], bucketsOf(1000)],
    [
      'contents of two entities exchanged',
      many.with(1, entity(1, { n: 2 })).with(2, entity(2, { n: 1 })),
      bucketsOf(1, 2),
    ],
    ['an entity that is there twice', [...many, entity(7)], bucketsOf(7)],
    // What is there three times has the sum of what is there once.
    ['an entity that is there three times', [...many, entity(7), entity(7)], bucketsOf(7)],
  ];
  test.each(changes)('shows %s, in its bucket alone', (_, entities, where) => {
    const digest = digestOf(entities);
    expect(digest.text).not.toBe(whole.text);
    expect(buckets(digest)).toEqual(where);
    expect(digest.differingBuckets(whole)).toEqual(new Set(where));
  });

  test('of parts adds up to that of the whole', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(3), { minLength: 1000, maxLength: 1000 }), (parts) => {
        const sum = new ContentDigest();
        for (const part of [0, 1, 2, 3]) sum.merge(digestOf(many.filter((_, i) => parts[i] === part)));
        expect(sum.text).toBe(whole.text);
        expect(sum.count).toBe(1000);
      }),
      { numRuns: 5 },
    );
  });

  test('goes through JSON and on from there', () => {
    const half = new ContentDigest(JSON.parse(JSON.stringify(digestOf(many.slice(0, 500)))));
    expect(half.count).toBe(500);
    for (const one of many.slice(500)) half.add('machines', one);
    expect(half.text).toBe(whole.text);
    expect(JSON.stringify(whole).length).toBeLessThan(120_000);
  });

  test('spreads ids over all buckets', () => {
    const counts = new Array<number>(BUCKETS).fill(0);
    for (let i = 0; i < 100 * BUCKETS; i++) {
      const bucket = bucketOf(`machine-${i}`);
      counts[bucket] = (counts[bucket] as number) + 1;
    }
    expect(Math.min(...counts)).toBeGreaterThan(30);
    expect(Math.max(...counts)).toBeLessThan(300);
  });
});
