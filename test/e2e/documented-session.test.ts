import { describe, expect, test } from '@jest/globals';
import { asShown, sessionBlocks } from './documented-session.ts';

describe('blocks', () => {
  const markdown = [
    '## One',
    '```sh',
    'ls',
    '```',
    'shows',
    '```text',
    'a',
    '```',
    '## Two',
    '```sh',
    'pwd',
    '```',
    '',
  ].join('\n');

  test('are commands with the output that follows them', () => {
    expect(sessionBlocks(markdown)).toEqual([
      { line: 3, commands: 'ls\n', shown: 'a\n' },
      { line: 11, commands: 'pwd\n', shown: undefined },
    ]);
  });

  test('of one section', () => {
    expect(sessionBlocks(markdown, 'Two')).toEqual([{ line: 11, commands: 'pwd\n', shown: undefined }]);
    expect(() => sessionBlocks(markdown, 'Three')).toThrow('There is no section "Three".');
  });
});

describe('a comparison', () => {
  test.each([
    ['equal', 'a\nb\n', 'a\nb\n'],
    ['… inside a line', 'at 10:30, done\n', 'at …, done\n'],
    ['… for lines', 'head\n1\n2\nfoot\n', 'head\n…\nfoot\n'],
    ['… for no line', 'head\nfoot\n', 'head\n…\nfoot\n'],
    ['… for the rest', 'head\n1\n2\n', 'head\n…\n'],
  ])('passes: %s', (_, actual, shown) => {
    expect(asShown(actual, shown)).toBe(shown);
  });

  test.each([
    ['another word', 'a\nc\n', 'a\nb\n'],
    ['a line too many', 'a\nb\nc\n', 'a\nb\n'],
    ['a line too few', 'a\n', 'a\nb\n'],
    ['… does not reach over lines', 'at 10\n30, done\n', 'at …, done\n'],
    ['lines that never come', 'head\n1\n', 'head\n…\nfoot\n'],
    ['dots are dots', 'axb\n', 'a.b\n'],
  ])('fails: %s', (_, actual, shown) => {
    expect(asShown(actual, shown)).not.toBe(shown);
  });
});
