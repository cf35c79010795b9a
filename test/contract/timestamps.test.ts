import { expect, test } from '@jest/globals';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { newId, saveRequest, saveTemplate } from './samples.ts';

const accepted: readonly [string, string][] = [
  ['2026-11-22T10:00:00.000Z', '2026-11-22T10:00:00.000Z'],
  ['2026-11-22T10:00Z', '2026-11-22T10:00:00.000Z'],
  ['2026-11-22t10:00:00z', '2026-11-22T10:00:00.000Z'],
  ['2026-11-22T10:00:00+02:00', '2026-11-22T08:00:00.000Z'],
  ['2026-11-22T10:00:00-0330', '2026-11-22T13:30:00.000Z'],
  ['2026-11-22T23:59:59.9999999-12:00', '2026-11-23T11:59:59.999Z'],
  ['2026-11-22T10:00:00,5Z', '2026-11-22T10:00:00.500Z'],
  ['2024-02-29T00:00:00+14:00', '2024-02-28T10:00:00.000Z'],
  ['0001-01-01T00:00:00Z', '0001-01-01T00:00:00.000Z'],
  ['1600-02-29T12:00:00Z', '1600-02-29T12:00:00.000Z'],
  ['9999-12-31T23:59:59.999Z', '9999-12-31T23:59:59.999Z'],
];

const refused = [
  '2026-11-22T10:00:00',
  '2026-11-22',
  '2026-11-22 10:00:00Z',
  '2026-02-29T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-00-10T00:00:00Z',
  '2026-11-22T24:00:00Z',
  '2026-11-22T10:60:00Z',
  '2026-11-22T23:59:60Z',
  '2026-11-22T10:00:00+24:00',
  '0001-01-01T00:00:00+01:00',
  '9999-12-31T23:59:59-00:01',
  '+012026-11-22T10:00:00Z',
  'Sun, 22 Nov 2026 10:00:00 GMT',
  '',
  'now',
  1_700_000_000_000,
  true,
  {},
];

onEveryRepository((store) => {
  test.each(accepted)('%s is stored as %s', async (sent, stored) => {
    const { repository } = store();
    const saved = await saveRequest(repository, { completed_at: sent, created_at: sent });
    expect(saved).toMatchObject({ completed_at: stored, created_at: stored });
    expect(await repository.getEntity('requests', saved.request_id)).toEqual(saved);
    const filters = { completed_at: sent, request_id: saved.request_id };
    expect((await repository.queryEntities('requests', { filters })).items).toEqual([saved]);
  });

  test.each(refused)('%p is refused', async (sent) => {
    const { repository } = store();
    const fields = { request_id: newId('request'), completed_at: sent, created_at: sent };
    const error = await rejection(saveRequest(repository, fields as never));
    expect(error).toBeInstanceOf(ValidationError);
    const paths = (error as ValidationError).problems.map(({ path }) => path);
    expect(paths.toSorted()).toEqual(['completed_at', 'created_at']);
    expect(await repository.getEntity('requests', fields.request_id)).toBeUndefined();
  });

  test('an unknown field is not a timestamp, whatever it looks like', async () => {
    const { repository } = store();
    const saved = await saveTemplate(repository, { expires_at: '2026-11-22T10:00:00+02:00' });
    expect(saved.expires_at).toBe('2026-11-22T10:00:00+02:00');
  });
});
