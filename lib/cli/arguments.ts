/** Arguments and options that several commands take. */
import { Argument, InvalidArgumentError, Option } from 'commander';
import { nearest } from '../config/nearest.ts';
import { type CollectionName, collectionNames, isCollectionName } from '../model/collections.ts';

function parseCollection(name: string): CollectionName {
  if (isCollectionName(name)) return name;
  const meant = nearest(name, collectionNames);
  const hint = meant === undefined ? `Choose ${collectionNames.join(', ')}.` : `(Did you mean ${meant}?)`;
  throw new InvalidArgumentError(`There is no such collection. ${hint}`);
}

/** Parses a decimal integer within a range. */
export const integerBetween =
  (minimum: number, maximum: number) =>
  (text: string): number => {
    const number = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (number >= minimum && number <= maximum) return number;
    const range = maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`;
    throw new InvalidArgumentError(`Give an integer ${range}.`);
  };

/** Collects the values of an option that may be repeated. */
export const collect = (value: string, earlier: readonly string[]): readonly string[] => [...earlier, value];

/** Collects the values of an option that are separated by commas. */
export const collectList = (value: string, earlier: readonly string[] = []): readonly string[] => [
  ...earlier,
  ...value.split(',').filter((text) => text !== ''),
];

/** `--collection`, which may be repeated. */
export const collectionOption = (meaning: string): Option =>
  new Option('--collection <collection>', meaning)
    .argParser((name: string, earlier: readonly CollectionName[]) => [...earlier, parseCollection(name)])
    .default([], 'all');

export const collectionArgument = (): Argument =>
  new Argument('<collection>', collectionNames.join(', ')).argParser(parseCollection);

export const expectedVersionOption = (meaning: string): Option =>
  new Option('--expected-version <n>', meaning).argParser(integerBetween(0, Number.MAX_SAFE_INTEGER));

export const filterOption = (): Option =>
  new Option(
    '--filter <field=value>',
    "only entities whose field has the value; repeated for one field: any of the values; 'field[op]=value' with op ne, gt, gte, lt, lte or begins_with",
  )
    .argParser(collect)
    .default([], 'all entities');
