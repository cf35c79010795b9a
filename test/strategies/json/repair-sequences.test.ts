import { existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { parseConfig } from '../../../lib/config/parse-config.ts';
import { diagnoseStore } from '../../../lib/doctor/diagnose-store.ts';
import { EntityNotFoundError, StorageDamagedError } from '../../../lib/repository/errors.ts';
import type { Finding } from '../../../lib/repository/finding.ts';
import type { Repository } from '../../../lib/repository/repository.ts';
import { openRepository } from '../../../lib/strategies/open-repository.ts';
import { rounds, seed } from '../../trials.ts';

const SEQUENCES = rounds(2000);

/** In memory where there is such a place: nothing here depends on what a disk does, and each step flushes many times. */
const PLACE = existsSync('/dev/shm') ? '/dev/shm' : tmpdir();

let root: string;
beforeEach(async () => {
  root = await mkdtemp(join(PLACE, 'hfstorage-repair-'));
});
afterEach(async () => {
  await rm(root, { recursive: true, force: true });
});

/** How an operation picks a file, a place in it, and so on: 0 to 1. */
type Pick = number;
type Step =
  | { readonly kind: 'save' | 'delete' | 'truncate' | 'spoil' | 'remove'; readonly which: Pick; readonly where: Pick }
  | { readonly kind: 'close' | 'kill' | 'repair' };

const fraction = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const onFile = (kind: 'save' | 'delete' | 'truncate' | 'spoil' | 'remove') =>
  fc.record({ kind: fc.constant(kind), which: fraction, where: fraction });
const plain = (kind: 'close' | 'kill' | 'repair') => fc.record({ kind: fc.constant(kind) });
const steps: fc.Arbitrary<Step[]> = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: onFile('save') },
    { weight: 1, arbitrary: onFile('delete') },
    { weight: 2, arbitrary: plain('close') },
    { weight: 2, arbitrary: plain('kill') },
    { weight: 2, arbitrary: onFile('truncate') },
    { weight: 2, arbitrary: onFile('spoil') },
    { weight: 2, arbitrary: onFile('remove') },
    { weight: 3, arbitrary: plain('repair') },
  ),
  { minLength: 4, maxLength: 24, size: 'max' },
);

const variants = [
  { storage_type: 'single_file' },
  { storage_type: 'split_files' },
  { storage_type: 'single_file', enable_compression: true },
];

const isJournal = (name: string): boolean => name.includes('.journal');
const SAYS_SO = /may be missing|are missing|is missing|are lost|cannot be rebuilt/;

/** A store that is written, killed, damaged and repaired, and what its callers were told is stored. */
class Trial {
  #folder: string;
  readonly #settings: object;
  #generation = 0;
  #repository: Repository | undefined;
  #acknowledged = new Map<string, number>();
  readonly history: string[] = [];

  constructor(folder: string, settings: object) {
    this.#folder = folder;
    this.#settings = settings;
  }

  get #config() {
    const json_strategy = { base_path: join(this.#folder, String(this.#generation)), sync_writes: false };
    return parseConfig({ storage: { strategy: 'json', json_strategy: { ...json_strategy, ...this.#settings } } });
  }

  get #path(): string {
    return this.#config.storage.json_strategy.base_path;
  }

  async run(step: Step): Promise<void> {
    switch (step.kind) {
      case 'save':
      case 'delete':
        return this.#write(step.kind, `t-${Math.floor(step.which * 5)}`);
      case 'close':
        return this.#close();
      case 'kill':
        return this.#kill();
      case 'repair':
        return this.repair();
      default:
        return this.#damage(step);
    }
  }

  async #write(kind: 'save' | 'delete', id: string): Promise<void> {
    this.#repository ??= await openRepository(this.#config);
    try {
      if (kind === 'delete') {
        if (!this.#acknowledged.has(id)) return;
        await this.#repository.deleteEntity('templates', id);
        this.#acknowledged.delete(id);
      } else {
        const template = { template_id: id, name: id, provider_api: 'RunInstances', vm_type: 't3', max_number: 1 };
        const { version } = await this.#repository.saveEntity('templates', template);
        this.#acknowledged.set(id, version);
      }
      this.history.push(`${kind} ${id}`);
    } catch (error) {
      // Refused, so that nobody was told that it is stored, or what is to be deleted was in the part that was cut off.
      if (!(error instanceof StorageDamagedError || error instanceof EntityNotFoundError)) throw error;
      this.history.push(`${kind} refused`);
      await this.#close();
    }
  }

  async #close(): Promise<void> {
    await this.#repository?.close();
    this.#repository = undefined;
    this.history.push('close');
  }

  /** Goes on with the files as a process leaves them that is killed now. */
  async #kill(): Promise<void> {
    const before = this.#path;
    if (this.#repository === undefined) return;
    this.#generation++;
    await cp(before, this.#path, { recursive: true });
    await this.#repository.close();
    this.#repository = undefined;
    await rm(before, { recursive: true });
    this.history.push('kill');
  }

  async #damage({ kind, which, where }: Extract<Step, { which: Pick }>): Promise<void> {
    await this.#kill();
    await mkdir(this.#path, { recursive: true });
    const names = (await readdir(this.#path)).filter((name) => !name.endsWith('.lock')).sort();
    const name = names[Math.floor(which * names.length)];
    if (name === undefined) return;
    const path = join(this.#path, name);
    const bytes = await readFile(path);
    const at = Math.floor(where * bytes.length);
    this.history.push(`${kind} ${name} at ${at} of ${bytes.length}`);
    if (kind === 'remove') {
      // Where nothing of the journal is left, the data file alone says what is stored: so a store is begun from a copy.
      if (names.filter(isJournal).every((one) => one === name)) this.history.push('no');
      else await rm(path);
    } else if (kind === 'truncate') {
      // A journal that is cut exactly between two commits looks like one that has never had the second.
      await truncate(path, isJournal(name) && bytes[at - 1] === 0x0a ? at - 1 : at);
    } else {
      // No JSON holds these bytes, so that no valid file of another content comes out.
      const rubbish = Buffer.alloc(where < 0.2 ? 30 : 3, 0xff);
      await writeFile(
        path,
        where < 0.2 ? rubbish : Buffer.concat([bytes.subarray(0, at), rubbish, bytes.subarray(at + 3)]),
      );
    }
  }

  /** Repairs, and insists that whatever is missing then is named. */
  async repair(): Promise<void> {
    await this.#kill();
    const said = await this.#findings(true);
    const left = await this.#findings(false);
    const missing = [...said, ...left].filter(({ level, message }) => level !== 'ok' && SAYS_SO.test(message));
    const stored = await this.#stored();
    this.history.push(
      `repair: ${missing.map(({ subject, message }) => `${subject}: ${message}`).join(' | ') || 'nothing'}`,
    );
    if (stored === undefined) {
      expect(left.some(({ level }) => level === 'error')).toBe(true);
      // Nobody can go on with it but by beginning anew.
      await rm(this.#path, { recursive: true });
      this.#acknowledged = new Map();
      return;
    }
    if (missing.length === 0) expect(sorted(stored)).toEqual(sorted(this.#acknowledged));
    this.#acknowledged = stored;
    // What was read is put away, so that it is not taken for a word about what happens next.
    for (const name of await readdir(this.#path)) {
      if (name.includes('.torn-')) await rm(join(this.#path, name));
    }
  }

  async #findings(repair: boolean): Promise<Finding[]> {
    return Array.fromAsync(diagnoseStore(this.#config, { repair }));
  }

  async #stored(): Promise<Map<string, number> | undefined> {
    await using repository = await openRepository(this.#config);
    try {
      const { items } = await repository.queryEntities('templates', {});
      return new Map(items.map(({ template_id, version }) => [template_id, version]));
    } catch (error) {
      if (error instanceof StorageDamagedError) return undefined;
      throw error;
    }
  }
}

const sorted = (entities: ReadonlyMap<string, number>): [string, number][] => [...entities].sort();

test(`${SEQUENCES} sequences of saves, kills, damage and repairs lose no acknowledged save without a word`, async () => {
  let n = 0;
  const property = fc.asyncProperty(steps, fc.constantFrom(...variants), async (sequence, settings) => {
    const trial = new Trial(join(root, String(n++)), settings);
    try {
      for (const step of sequence) await trial.run(step);
      await trial.repair();
    } catch (error) {
      throw new Error(`${JSON.stringify(settings)}\n${trial.history.join('\n')}\n${(error as Error).message}`, {
        cause: error,
      });
    }
    await rm(join(root, String(n - 1)), { recursive: true, force: true });
  });
  await fc.assert(property, { numRuns: SEQUENCES, seed });
}, 3_600_000);
