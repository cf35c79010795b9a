import { expect } from '@jest/globals';
import type { ConfigInput } from '../../../lib/config/configuration.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import { type Outcome, Workplace } from '../../cli/run-hfstorage.ts';

async function hfstorage({ storage }: ConfigInput, args: readonly string[]): Promise<Outcome> {
  const place = await Workplace.create(storage);
  try {
    return await place.hfstorage(args);
  } finally {
    await place.remove();
  }
}

/** The findings of `hfstorage doctor --json`, by level. */
export async function doctor(config: ConfigInput, ...args: string[]) {
  const { code, stdout, stderr } = await hfstorage(config, ['doctor', '--json', ...args]);
  expect(stderr).toBe('');
  const { findings, repairs = [] } = JSON.parse(stdout) as { findings: Finding[]; repairs?: Finding[] };
  const messages = (level: Finding['level']) =>
    findings.flatMap((finding) => (finding.level === level ? [finding.message] : []));
  return { code, repairs, ok: messages('ok'), warnings: messages('warning'), errors: messages('error') };
}

/** The output of `hfstorage doctor` for people. */
export const doctorForPeople = (config: ConfigInput): Promise<Outcome> => hfstorage(config, ['doctor']);
