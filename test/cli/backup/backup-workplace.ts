/** A workplace with a store, its backups, and `hfstorage backup` on them. */
import { readFile, writeFile } from 'node:fs/promises';
import { afterEach, beforeEach } from '@jest/globals';
import { type Outcome, sampleFile, Workplace } from '../run-hfstorage.ts';

let workplace: Workplace;

/** Gives each test of the file its own workplace with five templates. */
export function useWorkplace(): void {
  beforeEach(async () => {
    workplace = await Workplace.create();
    const config = JSON.parse(await readFile(workplace.path('config.json'), 'utf8'));
    const sections = {
      backup: { location: workplace.path('backups') },
      migration: { state_location: workplace.path('migrations') },
    };
    await writeFile(workplace.path('config.json'), JSON.stringify({ ...config, ...sections }));
    await workplace.hfstorage(['import', sampleFile]);
  });
  afterEach(() => workplace.remove());
}

export const place = (): Workplace => workplace;

export const backup = (...args: string[]): Promise<Outcome> => workplace.hfstorage(['backup', ...args]);

/** Runs `hfstorage backup` with --json and parses its output; `value` is undefined if there is none. */
export async function json(...args: string[]) {
  const { code, stdout, stderr } = await backup(...args, '--json');
  return { code, stderr, value: stdout === '' ? undefined : JSON.parse(stdout) };
}

/** Takes a backup and returns its id. */
export const create = async (...args: string[]): Promise<string> => (await json('create', ...args)).value.id;

/** The file with the templates of a backup. */
export const part = (id: string): string => workplace.path('backups', id, 'templates-00001.ndjson.gz');

/** Runs `hfstorage` with a second configuration, whose store is a SQLite file. */
export async function onSqlite(...args: string[]): Promise<Outcome> {
  const storage = { strategy: 'sql', sql_strategy: { name: workplace.path('store.db') } };
  const config = { storage, backup: { location: workplace.path('backups') } };
  await writeFile(workplace.path('sqlite.json'), JSON.stringify(config));
  return workplace.hfstorage([...args, '--config', workplace.path('sqlite.json')]);
}
