import { canonicalJson } from '../model/canonical-json.ts';
import { type CollectionName, collectionNames, fieldsOf } from '../model/collections.ts';
import type { Entity } from '../model/entities.ts';
import { problemsInWords } from '../model/json-values.ts';
import type { Location } from '../objects/location.ts';
import { BackupError } from '../repository/errors.ts';
import { idOf } from '../repository/guarded-write.ts';
import type { StorageStrategy } from '../repository/storage-strategy.ts';
import { digestOf, MAX_NAMED } from '../transfer/compare-contents.ts';
import { Compatibility, type FieldDefaults, type IncompatibleRecord } from '../transfer/compatibility.ts';
import { ContentDigest } from '../transfer/content-digest.ts';
import { copyPages, type Page } from '../transfer/copy-pages.ts';
import { withRetries } from '../transfer/retry.ts';
import { Semaphore } from '../transfer/semaphore.ts';
import type { BackupManifest } from './manifest.ts';
import { entitiesOf, verifyBackup } from './read-backup.ts';

const PAGE_ENTITIES = 500;
const WORKERS = 4;

export interface RestoreOptions {
  readonly location: Location;
  readonly manifest: BackupManifest;
  /** All where left out. */
  readonly collections?: readonly CollectionName[] | undefined;
  /** Only these, of one collection. */
  readonly ids?: readonly string[] | undefined;
  /** Whether entities that are newer in the store are replaced as well. */
  readonly overwrite?: boolean | undefined;
  /** What becomes of records that the store cannot hold: nothing is restored, or all others are. */
  readonly onInvalid?: 'fail' | 'skip' | undefined;
  readonly defaults?: FieldDefaults | undefined;
  readonly enforceReferences: boolean;
  readonly progress?:
    | ((phase: 'check' | 'restore' | 'verify', collection: CollectionName, n: number) => void)
    | undefined;
  /** Once aborted, no more entities are restored; those that were stay, and the restore may be repeated. */
  readonly signal?: AbortSignal | undefined;
}

export interface RestoredCollection {
  /** Entities of the backup that were asked for. */
  entities: number;
  /** Entities that were written; the others were there already. */
  restored: number;
}

export interface RestoreReport {
  readonly backup: string;
  readonly collections: { readonly [C in CollectionName]?: RestoredCollection };
  /** Entities that the store holds otherwise, mostly in a newer version, and kept. The first thousand. */
  readonly kept: { readonly collection: CollectionName; readonly id: string }[];
  /** Records that the store cannot hold, and that were left out. The first thousand. */
  readonly skipped: IncompatibleRecord[];
  /** How many there are of these. */
  readonly totals: { kept: number; skipped: number };
  /** Ids that were asked for and that the backup does not have. */
  readonly missingIds: readonly string[];
}

/**
 * Puts the entities of a backup into a store, versions and timestamps included. Entities that are newer in the store stay
 * as they are unless `overwrite` is set; entities that the backup does not have are left alone. It may be repeated. What
 * was restored is read back and compared.
 * @throws BackupError where the backup is damaged, holds what the store cannot, or did not come back as it was
 */
export async function restoreBackup(target: StorageStrategy, options: RestoreOptions): Promise<RestoreReport> {
  return new Restore(target, options).run();
}

/** While it is being filled in. */
type Writable<T> = { -readonly [K in keyof T]: T[K] } & {
  collections: { [C in CollectionName]?: RestoredCollection };
};

interface RestoredPage extends Page {
  readonly items: readonly Entity[];
}

class Restore {
  readonly #target: StorageStrategy;
  readonly #options: RestoreOptions;
  readonly #compatibility: Compatibility;
  readonly #wantedIds: ReadonlySet<string> | undefined;
  readonly #foundIds = new Set<string>();
  readonly #report: Writable<RestoreReport>;

  constructor(target: StorageStrategy, options: RestoreOptions) {
    this.#target = target;
    this.#options = options;
    this.#wantedIds = options.ids && new Set(options.ids);
    this.#compatibility = new Compatibility({
      target,
      enforceReferences: options.enforceReferences,
      defaults: options.defaults,
      // Parents are restored before their children.
      parents: (collection, ids) => target.get(collection, ids),
    });
    this.#report = {
      backup: options.manifest.id,
      collections: {},
      kept: [],
      skipped: [],
      totals: { kept: 0, skipped: 0 },
      missingIds: [],
    };
  }

  async run(): Promise<RestoreReport> {
    const { location, manifest, collections = collectionNames, progress, signal } = this.#options;
    await verifyBackup(location, manifest, (collection, n) => progress?.('check', collection, n), signal);
    if (this.#options.onInvalid !== 'skip') await this.#requireCompatible(collections);
    for (const collection of collections) await this.#restore(collection);
    this.#report.missingIds = (this.#options.ids ?? []).filter((id) => !this.#foundIds.has(id));
    return this.#report;
  }

  /** @throws BackupError before anything is written, where a record breaks a rule that the store enforces */
  async #requireCompatible(collections: readonly CollectionName[]): Promise<void> {
    const alone = new Compatibility({
      target: this.#target,
      enforceReferences: false,
      defaults: this.#options.defaults,
      parents: async (_, ids) => ids.map(() => undefined),
    });
    const incompatible: IncompatibleRecord[] = [];
    for (const collection of collections) {
      for await (const page of this.#pages(collection)) {
        const fitted = await alone.checkPage(collection, page.items);
        incompatible.push(...fitted.incompatible.filter(({ problems }) => !isDerivable(collection, problems)));
        if (incompatible.length > MAX_NAMED) break;
      }
    }
    if (incompatible.length > 0) throw incompatibleError(incompatible, this.#target.name);
  }

  async #restore(collection: CollectionName): Promise<void> {
    const counts: RestoredCollection = { entities: 0, restored: 0 };
    this.#report.collections[collection] = counts;
    const expected = new ContentDigest();
    let keptHere = 0;
    await copyPages({
      pages: this.#pages(collection),
      semaphore: new Semaphore(WORKERS),
      signal: this.#options.signal,
      copy: ({ items }) => this.#load(collection, items),
      done: ({ items }, { stored, kept, entities }) => {
        counts.entities += items.length;
        counts.restored += stored;
        keptHere += kept;
        for (const entity of entities) expected.add(collection, entity);
        this.#options.progress?.('restore', collection, items.length);
      },
    });
    if (keptHere === 0 && (await this.#holdsJust(collection, expected))) return;
    await this.#requireRestored(collection, keptHere);
  }

  async #load(collection: CollectionName, items: readonly Entity[]) {
    const { entities, incompatible } = await this.#compatibility.checkPage(collection, items);
    if (incompatible.length > 0) this.#skip(incompatible);
    const over = this.#options.overwrite ? 'any' : 'older';
    const stored =
      entities.length === 0 ? 0 : await withRetries(() => this.#target.load(collection, entities, { over }));
    const kept = stored === entities.length ? 0 : await this.#noteKept(collection, entities);
    return { stored, kept, entities };
  }

  #skip(incompatible: readonly IncompatibleRecord[]): void {
    if (this.#options.onInvalid !== 'skip') throw incompatibleError(incompatible, this.#target.name);
    this.#report.totals.skipped += incompatible.length;
    this.#report.skipped.push(...incompatible.slice(0, MAX_NAMED - this.#report.skipped.length));
  }

  /** Notes entities that the store has otherwise, and says how many. */
  async #noteKept(collection: CollectionName, entities: readonly Entity[]): Promise<number> {
    const differing = await this.#differing(collection, entities);
    this.#report.totals.kept += differing.length;
    const room = MAX_NAMED - this.#report.kept.length;
    this.#report.kept.push(...differing.slice(0, room).map((id) => ({ collection, id })));
    return differing.length;
  }

  /** Ids of the entities that the store does not hold just so. */
  async #differing(collection: CollectionName, entities: readonly Entity[]): Promise<string[]> {
    const ids = entities.map((entity) => idOf(collection, entity));
    const held = await withRetries(() => this.#target.get(collection, ids));
    return ids.filter((_, i) => canonicalJson(held[i] ?? null) !== canonicalJson(entities[i]));
  }

  /** Whether the store holds what was restored and nothing else: the quick way to verify. */
  async #holdsJust(collection: CollectionName, expected: ContentDigest): Promise<boolean> {
    if (this.#wantedIds !== undefined) return false;
    const progress = (_: CollectionName, n: number): void => this.#options.progress?.('verify', collection, n);
    return (await digestOf(this.#target, collection, progress)).text === expected.text;
  }

  /** @throws BackupError where an entity did not come back as it is in the backup */
  async #requireRestored(collection: CollectionName, kept: number): Promise<void> {
    let differing = 0;
    const examples: string[] = [];
    for await (const { items } of this.#pages(collection)) {
      const { entities } = await this.#compatibility.checkPage(collection, items);
      const ids = await this.#differing(collection, entities);
      differing += ids.length;
      examples.push(...ids.slice(0, 5 - examples.length));
      this.#options.progress?.('verify', collection, items.length);
    }
    if (differing <= kept) return;
    const named = examples.map((id) => JSON.stringify(id)).join(', ');
    throw new BackupError(
      `${differing} ${collection} do not have the backup's content after the restore, such as ${named}: somebody ` +
        'else has written them meanwhile. Restore again when nobody writes.',
    );
  }

  async *#pages(collection: CollectionName): AsyncGenerator<RestoredPage> {
    const { location, manifest, signal } = this.#options;
    for await (const page of entitiesOf(location, manifest, collection, PAGE_ENTITIES)) {
      signal?.throwIfAborted();
      const items = page.filter((entity) => this.#isWanted(collection, entity));
      if (items.length > 0) yield { items };
    }
  }

  #isWanted(collection: CollectionName, entity: Entity): boolean {
    if (this.#wantedIds === undefined) return true;
    const id = idOf(collection, entity);
    if (!this.#wantedIds.has(id)) return false;
    this.#foundIds.add(id);
    return true;
  }
}

/** Whether all that is wrong is a field that the parent will give. */
const isDerivable = (collection: CollectionName, problems: IncompatibleRecord['problems']): boolean =>
  problems.every(({ path }) => fieldsOf(collection).get(path)?.defaultFrom !== undefined);

function incompatibleError(incompatible: readonly IncompatibleRecord[], store: string): BackupError {
  const [first] = incompatible as [IncompatibleRecord];
  const why = problemsInWords(first.problems);
  const count = incompatible.length > MAX_NAMED ? `More than ${MAX_NAMED}` : String(incompatible.length);
  return new BackupError(
    `${count} of the records cannot be held by the ${store} store, such as ${first.collection} ` +
      `${JSON.stringify(first.id)}: ${why}. Nothing of them was written. Leave such records out with --on-invalid skip, or give ` +
      'defaults in migration.defaults.',
  );
}
