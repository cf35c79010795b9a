import { takeBackup } from '../backup/create-backup.ts';
import { type CollectionName, collectionNames } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { now } from '../model/timestamps.ts';
import type { LocationSettings } from '../objects/location.ts';
import { openLocation } from '../objects/open-location.ts';
import type { StorageStrategy } from '../repository/storage-strategy.ts';
import { pagesOf } from '../transfer/scan-pages.ts';
import { Semaphore } from '../transfer/semaphore.ts';
import { LocalSteps, RemoteSteps, type Steps } from '../transfer/steps.ts';
import { type SegmentUnit, segmentsOf } from '../transfer/unit.ts';
import { MemoryState, type WorkState } from '../transfer/work-state.ts';
import { compareStores } from './comparison.ts';
import { type CopiedBatch, type Copying, copyBatch, copyingOf } from './copying.ts';
import { type MigrationPhases, migrationPhases } from './phases.ts';
import { newMigrationId } from './plan.ts';
import { requireCompatible, requireReadable, requireRoom, requireWritable } from './preflight.ts';
import { differencesIn, type MigrationReport, outcomeOf, type Preflight, type Validation } from './report.ts';
import type { MigrationSettings } from './settings.ts';
import type { MigrationStore } from './stores.ts';

/** What a migration does, in the words of those who watch it. */
export type Phase = 'check' | 'backup' | 'copy' | 'compare' | 'cleanup';

const shownAs: Readonly<Record<keyof MigrationPhases, Phase>> = {
  check: 'check',
  'back-up': 'backup',
  'back-up-moment': 'backup',
  copy: 'copy',
  digest: 'compare',
  examine: 'compare',
  'clean-up': 'cleanup',
};

/** Called with the entities that a phase has processed since the last call. */
export type MigrationProgress = (phase: Phase, collection: CollectionName, entities: number) => void;

export interface MigrationParts {
  readonly source: MigrationStore;
  readonly target: MigrationStore;
  readonly settings: MigrationSettings;
  /** Names the backup of the source; a new id if left out. */
  readonly id?: string | undefined;
  /** Where progress is kept; without it, the migration cannot be resumed. */
  readonly state?: WorkState | undefined;
  /** Whether other processes work on the units: see `RemoteSteps`. */
  readonly remote?: boolean | undefined;
  /** Of an `s3://` backup location. */
  readonly location?: LocationSettings | undefined;
  readonly progress?: MigrationProgress | undefined;
  /** Once aborted, batches under way are finished, and the step throws. */
  readonly signal?: AbortSignal | undefined;
  /** For how many milliseconds a store may be unreachable, or throttle, before a step throws; a minute if left out. */
  readonly retryForMs?: number | undefined;
  /** How often progress is stored, in milliseconds; every second if left out. */
  readonly checkpointMs?: number | undefined;
}

/** A batch of the source that has not been copied yet. */
export interface MigrationBatch {
  readonly collection: CollectionName;
  readonly entities: readonly Entity[];
  /** Copies it; harmless to repeat. */
  migrate(): Promise<CopiedBatch>;
}

/** The object that counts the runs of a migration. */
const RUNS = 'runs';
interface Runs {
  readonly count: number;
  readonly attempt?: number | undefined;
}

/** SPEC.md's migration. `run` takes all steps in their order, and continues after an interruption; each can be taken alone. */
export class Migration {
  readonly id: string;
  readonly #parts: MigrationParts;
  readonly #copying: Copying;
  readonly #state: WorkState;
  #steps: Promise<Steps<MigrationPhases>> | undefined;
  /** How often the migration was begun: what an earlier run has compared says nothing about the stores now. */
  #run = 0;

  constructor(parts: MigrationParts) {
    this.id = parts.id ?? newMigrationId();
    this.#parts = parts;
    this.#state = parts.state ?? new MemoryState();
    this.#copying = copyingOf(parts.source, parts.target, parts.settings, parts.retryForMs);
  }

  /** @throws MigrationError if the source cannot be read */
  async validateSourceConnection(): Promise<void> {
    await requireReadable(this.#parts.source);
  }

  /** @throws MigrationError if the target cannot be written, or is not empty and `merge` is not set */
  async validateTargetConnection(): Promise<void> {
    await requireWritable(this.#parts.target, this.#parts.settings.merge);
  }

  /** Reads the whole source and lists what the target cannot hold. Writes nothing. */
  async validateSchemaCompatibility(): Promise<Preflight> {
    const steps = await this.steps();
    return steps.each('check', this.#unitsOfSource());
  }

  /** @throws MigrationError if entities are incompatible and may not be skipped, or a disk has too little room */
  async requireCompatible(preflight: Preflight): Promise<void> {
    const { target, settings } = this.#parts;
    if (settings.on_invalid === 'fail') requireCompatible(preflight, target);
    await requireRoom(target, preflight.bytes, settings.create_backup ? settings.backup_location : undefined);
  }

  /**
   * Backs the source up.
   * @returns where the backup is, such as `backups/before-migration-20261122T100000Z-1a2b3c`
   * @throws BackupError
   */
  async createBackup(): Promise<string> {
    const { source, settings } = this.#parts;
    const { strategy } = source.repository;
    const steps = await this.steps();
    const location = await this.#backups();
    const { id } = await takeBackup(steps, { id: this.#backupId, strategy, place: source.place, location });
    return `${settings.backup_location.replace(/\/+$/, '')}/${id}`;
  }

  /** Batches in dependency order, for callers that copy one after the other. `copy` does it with workers and checkpoints. */
  async *getMigrationBatches(batchSize = this.#parts.settings.batch_size): AsyncGenerator<MigrationBatch> {
    for (const collection of collectionNames) {
      for await (const { items } of pagesOf(this.#copying.source, collection, batchSize)) {
        yield { collection, entities: items, migrate: () => copyBatch(this.#copying, collection, items) };
      }
    }
  }

  /** Copies what is not copied yet, parents before their children. */
  async copy(): Promise<Readonly<Record<CollectionName, CopiedBatch>>> {
    const steps = await this.steps();
    const copied: Partial<Record<CollectionName, CopiedBatch>> = {};
    for (const collection of collectionNames) {
      copied[collection] = await steps.each('copy', this.#unitsOfSource(collection), `copy-${collection}`);
    }
    return copied as Record<CollectionName, CopiedBatch>;
  }

  /** Compares both stores, copies again what differs, and lists what still differs. */
  async validateMigration({ repair = true }: { readonly repair?: boolean } = {}): Promise<Validation> {
    const run = ++this.#run;
    return this.#compare(run, repair);
  }

  /**
   * Deletes from the source what the target holds in the very same form, children first. What was changed or added
   * meanwhile stays, and so do the parents of what stays.
   * @returns how many were deleted
   */
  async cleanupSource(): Promise<number> {
    const steps = await this.steps();
    let removed = 0;
    for (const collection of collectionNames.toReversed()) {
      removed += await steps.each('clean-up', this.#unitsOfSource(collection), `clean-up-${collection}`);
    }
    return removed;
  }

  /**
   * Takes all steps.
   * @param attempt if other processes work on the units: calls with the same attempt are one run
   * @param checked called with the result of the check
   * @throws UnitsAreLeft with `remote`, until the migration is done
   */
  async run({ attempt, checked }: RunOptions = {}): Promise<MigrationReport> {
    const { source, target, settings } = this.#parts;
    const steps = await this.steps();
    const { run, begins } = await this.#countRun(attempt);
    if (begins) await this.validateSourceConnection();
    const started_at = await steps.once('begun', async () => {
      await this.validateTargetConnection();
      return now();
    });
    const preflight = await this.validateSchemaCompatibility();
    checked?.(preflight);
    await steps.once('approved', () => this.requireCompatible(preflight).then(() => true));
    const backup = settings.create_backup ? await steps.once('backup', () => this.createBackup()) : undefined;
    const copied = await this.copy();
    const collections = Object.fromEntries(
      collectionNames.map((name) => [name, { ...copied[name], total: preflight.totals[name] }]),
    ) as MigrationReport['collections'];
    const validation = settings.validate_after_migration
      ? // Kept: once the source is being cleaned up, the stores differ.
        await steps.once('comparison', () => this.#compare(run, true))
      : undefined;
    const isClean = validation !== undefined && differencesIn(validation) === 0;
    const removed = settings.cleanup_source && isClean ? await this.cleanupSource() : undefined;
    const compared = { collections, ...(validation !== undefined && { validation }) };
    return steps.once('report', async () => ({
      id: this.id,
      outcome: outcomeOf(compared),
      source: source.place,
      target: target.place,
      startedAt: started_at,
      finishedAt: now(),
      ...(backup !== undefined && { backup }),
      ...compared,
      ...(removed !== undefined && { removed }),
    }));
  }

  /** The steps of this migration, for those who work on its units. */
  steps(): Promise<Steps<MigrationPhases>> {
    this.#steps ??= this.#openSteps();
    return this.#steps;
  }

  async #openSteps(): Promise<Steps<MigrationPhases>> {
    const { source, settings, remote, progress, signal, retryForMs, checkpointMs } = this.#parts;
    const [state, copying, backups] = [this.#state, this.#copying, await this.#backups()];
    const phases = migrationPhases({ id: this.#backupId, source, copying, state, backups, retryForMs });
    if (remote) return new RemoteSteps(phases, state);
    return new LocalSteps(phases, state, {
      signal,
      checkpointMs,
      semaphore: new Semaphore(settings.parallel_workers),
      progress: progress && ((phase, ...count) => progress(shownAs[phase as keyof MigrationPhases], ...count)),
    });
  }

  /** It differs from that of the migration, so that nobody takes the one for the other. */
  get #backupId(): string {
    return `before-${this.id}`;
  }

  #backups() {
    return openLocation(this.#parts.settings.backup_location, this.#parts.location);
  }

  #compare(run: number, repair: boolean): Promise<Validation> {
    const { source, target } = this.#parts;
    return this.steps().then((steps) =>
      compareStores(steps, {
        run,
        repair,
        unitsOf: (side, collection) =>
          this.#unitsOf((side === 'source' ? source : target).repository.strategy, collection),
      }),
    );
  }

  async #countRun(attempt: number | undefined): Promise<{ readonly run: number; readonly begins: boolean }> {
    const before = await this.#state.read<Runs>(RUNS);
    const begins = before === undefined || attempt === undefined || before.attempt !== attempt;
    this.#run = (before?.count ?? 0) + Number(begins);
    if (begins) await this.#state.write(RUNS, { count: this.#run, attempt } satisfies Runs);
    return { run: this.#run, begins };
  }

  #unitsOfSource(...only: readonly CollectionName[]): SegmentUnit[] {
    const collections = only.length > 0 ? only : collectionNames;
    return collections.flatMap((name) => this.#unitsOf(this.#parts.source.repository.strategy, name));
  }

  #unitsOf({ capabilities }: StorageStrategy, collection: CollectionName): SegmentUnit[] {
    return segmentsOf(capabilities, collection, this.#parts.settings.parallel_workers);
  }
}

export interface RunOptions {
  readonly attempt?: number | undefined;
  readonly checked?: ((preflight: Preflight) => void) | undefined;
}
