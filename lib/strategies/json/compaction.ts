import type { CollectionName } from '../../model/collections.ts';
import { JournalChanged, type Revision, type StagedFile } from './file-manager.ts';
import {
  type FileIdentity,
  identify,
  isBase,
  type JournalHeader,
  type JournalPosition,
  sameIdentity,
} from './journal-format.ts';
import type { JsonDatabase } from './json-database.ts';
import { keepBackup, setAside } from './kept-copies.ts';
import { type DataFile, fileText } from './layout.ts';
import type { Serializer } from './serializer.ts';
import { editedInUse } from './warnings.ts';

interface CurrentContent {
  readonly identity: FileIdentity | null;
  readonly revision: Revision;
  readonly edited: boolean;
}

/** Compacts the journal of a database into its data files. */
export class Compaction {
  readonly #database: JsonDatabase;
  readonly #serializer: Serializer;
  readonly #warn: (message: string) => void;

  constructor(database: JsonDatabase, serializer: Serializer, warn: (message: string) => void) {
    this.#database = database;
    this.#serializer = serializer;
    this.#warn = warn;
  }

  /**
   * Writes the tables into the data files and begins a new journal. The long part, writing the files, runs alongside
   * commits; only the switch to the new files runs under `exclusively`.
   * @param exclusively runs a function while the writers of other processes are kept out
   * @throws JournalChanged if another process is compacting
   */
  async run(exclusively: <T>(work: () => Promise<T>) => Promise<T>): Promise<void> {
    const { files, layout } = this.#database;
    if (this.#database.uncompactedBytes === 0) return;
    await this.#database.requireFiles();
    const { content, position: from } = this.#database;
    if (content === undefined) return;
    const changed = this.#database.takeChanged();
    const staged = new Map<DataFile, StagedFile>();
    let done = false;
    try {
      // All texts are captured at the same moment, that of `from`, before the first is written.
      const texts = layout.files
        .filter((file) => file.collections.some((name) => changed.has(name)) || !content.identities[file.name])
        .map((file) => [file, fileText(layout, file, content.tables, content.foreign)] as const);
      for (const [file, text] of texts) staged.set(file, await files.stage(file.name, this.#serializer.encode(text)));
      done = await exclusively(() => this.#switchOver(from, staged));
    } finally {
      if (!done) {
        this.#markChanged(changed);
        for (const file of staged.values()) await file.discard();
      }
    }
  }

  /** @returns whether the staged files have replaced the data files */
  async #switchOver(from: JournalPosition, staged: ReadonlyMap<DataFile, StagedFile>): Promise<boolean> {
    const { files, layout } = this.#database;
    await this.#database.catchUp();
    // Another process has compacted in the meantime; its files are newer.
    if (!this.#continues(from)) return false;
    let until = this.#database.position;
    await this.#database.announce(
      Object.fromEntries([...staged].map(([file, { identity }]) => [file.name, identity])),
      until,
    );
    let seen = this.#database.position;
    const base: Record<string, FileIdentity | null> = {};
    const also: Record<string, FileIdentity[]> = {};
    for (const file of layout.files) {
      const { identity, revision, edited } = await this.#currentContent(file, from);
      const stagedFile = staged.get(file);
      if (edited) {
        const copy = await setAside(files, file.name, 'edited');
        this.#warn(editedInUse(files.describe(file.name), files.describe(copy)));
        // An edited file no longer holds the content of the tables, so it must be written, too.
        if (stagedFile === undefined) {
          this.#markChanged(file.collections);
          return false;
        }
      } else if (identity !== null) {
        await keepBackup(files, file.name, identity, stagedFile !== undefined);
      }
      await stagedFile?.publish(revision);
      base[file.name] = stagedFile?.identity ?? identity;
      const replaced = stagedFile !== undefined && !sameIdentity(stagedFile.identity, identity);
      if (!replaced && !files.exclusive) also[file.name] = this.#mayAppear(file.name);
    }
    for (;;) {
      const follows = { id: from.id, from: from.position };
      const header: JournalHeader = { ...this.#database.newHeader(from.next, base), also, follows };
      try {
        await this.#database.replaceJournal(header, from, until, seen);
        return true;
      } catch (error) {
        if (!(error instanceof JournalChanged)) throw error;
        // Only without exclusion: others have committed after our announcement, which thus stays in the middle.
        await this.#database.catchUp();
        if (!this.#continues(from)) return true;
        until = this.#database.position;
        seen = this.#database.position;
      }
    }
  }

  #continues({ id }: JournalPosition): boolean {
    return this.#database.content?.header?.id === id;
  }

  #markChanged(collections: Iterable<CollectionName>): void {
    for (const collection of collections) this.#database.markChanged(collection);
  }

  /** Contents that slower processes may still publish over a file that is not replaced now. */
  #mayAppear(name: string): FileIdentity[] {
    const earlier = this.#database.content?.header?.also?.[name] ?? [];
    const announced = this.#database.announced
      .map(({ files }) => files[name] ?? null)
      .filter((identity) => identity !== null);
    return [...earlier, ...announced];
  }

  /**
   * What a data file holds now, before it is replaced by one made at `from`: known content, or another program's edit.
   * @throws JournalChanged if another process is compacting commits made after `from`: its file must stay
   */
  async #currentContent({ name }: DataFile, from: JournalPosition): Promise<CurrentContent> {
    const { files } = this.#database;
    for (let attempt = 1; ; attempt++) {
      const stored = await files.read(name);
      const { header, identities } = this.#database.content ?? {};
      // Another process has published a newer file and begun another journal, which ours must not replace.
      if (header === undefined || header.id !== from.id) throw new JournalChanged();
      const identity = stored === undefined ? null : identify(stored.bytes);
      const current = { identity, revision: stored?.revision ?? null, edited: false };
      if (sameIdentity(identity, identities?.[name]) || isBase(header, name, identity)) return current;
      const announcement = this.#database.announced.findLast((announced) =>
        sameIdentity(identity, announced.files[name]),
      );
      if (announcement !== undefined) {
        if (!files.exclusive && announcement.n >= from.next) throw new JournalChanged();
        return current;
      }
      if (files.exclusive || attempt > 1) return { ...current, edited: true };
      // A compaction announced in the journal may have published it a moment ago.
      await this.#database.catchUp();
    }
  }
}
