import { expect, test } from '@jest/globals';
import { ValidationError } from '../../lib/repository/errors.ts';
import { onEveryRepository } from './on-every-store.ts';
import { rejection } from './rejection.ts';
import { request, saveAll, saveTemplate } from './samples.ts';

const requests = [
  { status: 'PENDING', machine_count: 1 },
  { status: 'PENDING', machine_count: 1 },
  { status: 'RUNNING', machine_count: 0, completed_at: '2026-01-01T00:00:00Z' },
  { status: '__proto__', machine_count: 1, completed_at: '2026-01-01T01:00:00+01:00' },
  { status: 'constructor', machine_count: 1 },
];

onEveryRepository((_, factory) => {
  test('an empty store counts nothing', async () => {
    await using open = await factory.open();
    expect(await open.repository.countEntities('machines')).toEqual({ count: 0 });
    expect(await open.repository.countEntities('machines', { groupBy: 'status' })).toEqual({ count: 0, groups: {} });
  });

  test('counts, with filters and by group', async () => {
    await using open = await factory.open();
    const { repository } = open;
    const { template_id } = await saveTemplate(repository);
    await saveAll(
      repository,
      'requests',
      requests.map((fields) => request(template_id, fields)),
    );
    expect(await repository.countEntities('requests')).toEqual({ count: 5 });
    expect(await repository.countEntities('requests', { filters: { status: 'PENDING' } })).toEqual({ count: 2 });
    expect(await repository.countEntities('requests', { filters: { machine_count: { lt: 0 } } })).toEqual({ count: 0 });

    const byStatus = await repository.countEntities('requests', { groupBy: 'status' });
    expect(byStatus.count).toBe(5);
    const groups = Object.entries(byStatus.groups ?? {}).toSorted();
    expect(groups).toEqual([
      ['PENDING', 2],
      ['RUNNING', 1],
      ['__proto__', 1],
      ['constructor', 1],
    ]);
    expect(
      await repository.countEntities('requests', { groupBy: 'machine_count', filters: { status: { lt: 'S' } } }),
    ).toEqual({ count: 3, groups: { 0: 1, 1: 2 } });
    // Entities without the field are in the count, but in no group.
    expect(await repository.countEntities('requests', { groupBy: 'completed_at' })).toEqual({
      count: 5,
      groups: { '2026-01-01T00:00:00.000Z': 2 },
    });
    expect(await repository.countEntities('requests', { groupBy: 'template_id' })).toEqual({
      count: 5,
      groups: { [template_id]: 5 },
    });
  });

  test('counts follow every write', async () => {
    await using open = await factory.open();
    const { repository } = open;
    const byType = () => repository.countEntities('templates', { groupBy: 'vm_type' });
    const { template_id } = await saveTemplate(repository, { vm_type: 'a' });
    await saveTemplate(repository, { vm_type: 'a' });
    expect(await byType()).toEqual({ count: 2, groups: { a: 2 } });
    await repository.updateEntity('templates', template_id, { vm_type: 'b' });
    expect(await byType()).toEqual({ count: 2, groups: { a: 1, b: 1 } });
    await repository.deleteEntity('templates', template_id);
    expect(await byType()).toEqual({ count: 1, groups: { a: 1 } });
  });

  test.each(['colour', 'tags', '', '-status', '__proto__', 5, null])('%p is not a group', async (groupBy) => {
    await using open = await factory.open();
    const error = await rejection(open.repository.countEntities('requests', { groupBy: groupBy as string }));
    expect(error).toBeInstanceOf(ValidationError);
    expect((error as ValidationError).problems.map(({ path }) => path)).toEqual(['group_by']);
  });
});
