// biome-ignore-all lint/suspicious/noTemplateCurlyInString: ${NAME} is a reference to a variable in a configuration.
import { expect, test } from '@jest/globals';
import { expandEnvironment, hideSecrets, namesSecret } from '../../lib/config/environment.ts';
import { parseConfig } from '../../lib/config/parse-config.ts';

const env = { NAME: 'prod', EMPTY: '', DB_PASSWORD: 'hunter2', NESTED: '${NAME}' };

test.each([
  ['${NAME}', 'prod'],
  ['a/${NAME}/${NAME}-b', 'a/prod/prod-b'],
  ['[${EMPTY}]', '[]'],
  ['$${NAME}', '${NAME}'],
  ['$$${NAME}', '$${NAME}'],
  ['$NAME {NAME} $', '$NAME {NAME} $'],
  // A value is not expanded again: text like a reference in it is literal.
  ['${NESTED}', '${NAME}'],
])('%j expands to %j', (text, expected) => {
  expect(expandEnvironment({ key: text }, env)).toMatchObject({ value: { key: expected }, problems: [] });
});

test('strings at any depth are expanded, keys and other values are not', () => {
  const input = { a: [{ b: '${NAME}' }, 1, null, true], '${NAME}': 2 };
  expect(expandEnvironment(input, env).value).toEqual({ a: [{ b: 'prod' }, 1, null, true], '${NAME}': 2 });
});

test.each([
  ['${MISSING}', 'storage.strategy needs the environment variable MISSING, which is not set'],
  ['${NAME', 'storage.strategy has "${NAME", which names no variable; write $${ for a plain ${'],
  ['${}', 'storage.strategy has "${}", which names no variable; write $${ for a plain ${'],
  ['${A-B}', 'storage.strategy has "${A-B}", which names no variable; write $${ for a plain ${'],
  [
    '${A}${B}',
    'storage.strategy needs the environment variable A, which is not set; storage.strategy needs the environment variable B, which is not set',
  ],
])('%j is refused with the key and the variable', (strategy, message) => {
  expect(() => parseConfig({ storage: { strategy } }, env)).toThrow(new Error(message));
});

test('a path names items of lists', () => {
  expect(expandEnvironment({ list: ['a', '${MISSING}'] }, env).problems[0]?.path).toBe('list[1]');
});

test('secrets are shown as written', () => {
  const written = { open: '${NAME}', url: 'https://u:${DB_PASSWORD}@${NAME}', list: ['${DB_PASSWORD}'], n: 1 };
  const { value, expansions } = expandEnvironment(written, env);
  expect(hideSecrets(value, expansions)).toEqual({
    open: 'prod',
    url: 'https://u:${DB_PASSWORD}@${NAME}',
    list: ['${DB_PASSWORD}'],
    n: 1,
  });
});

const ARN = 'arn:aws:secretsmanager:eu-central-1:123456789012:secret:hostfactory-AbCdEf';

test.each([
  // A password as written, and as shown.
  ['hunter2', '(hidden)'],
  ['${DB_PASSWORD}', '${DB_PASSWORD}'],
  // A variable of any name holds a password here.
  ['${NAME}', '${NAME}'],
  ['${NAME}${DB_PASSWORD}', '${NAME}${DB_PASSWORD}'],
  ['hunter${NAME}', '(hidden)'],
  ['$${NAME}', '(hidden)'],
  [ARN, ARN],
  ['arn:aws:secretsmanager:eu-central-1:123456789012:secret:${NAME}', ARN.replace('hostfactory-AbCdEf', 'prod')],
])('of the password %j, %j is shown', (password, shown) => {
  const { value, expansions } = expandEnvironment({ sql_strategy: { password } }, env);
  expect(hideSecrets(value, expansions)).toEqual({ sql_strategy: { password: shown } });
});

test('an error about a password does not quote it', () => {
  const storage = { strategy: 'sql', sql_strategy: { password: 'hunter${2' } };
  expect(() => parseConfig({ storage }, env)).toThrow(
    new Error('storage.sql_strategy.password has "${…", which names no variable; write $${ for a plain ${'),
  );
});

test.each(['DB_PASSWORD', 'api_token', 'AWS_SECRET_ACCESS_KEY', 'PGPASS', 'CREDENTIALS'])(
  '%s names a secret',
  (name) => {
    expect(namesSecret(name)).toBe(true);
  },
);

test.each(['HOME', 'AWS_REGION', 'BUCKET'])('%s names no secret', (name) => {
  expect(namesSecret(name)).toBe(false);
});
