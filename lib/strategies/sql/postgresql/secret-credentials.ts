import { StorageUnavailableError } from '../../../repository/errors.ts';
import type { Credentials } from './credentials.ts';
import type { Login } from './secret.ts';

const KEPT_MS = 5 * 60_000;
/** How long a kept login is used on after it could not be fetched anew. */
const RETRY_MS = 30_000;

/** The login in a secret, which a rotation may replace at any time: its password, and its user too. */
export class SecretCredentials implements Credentials {
  readonly passwordMayChange = true;
  readonly #arn: string;
  readonly #fetch: () => Promise<Login>;
  #user: string;
  #kept: { readonly login: Login; readonly until: number } | undefined;
  /** Where rotations change between two users, the earlier one is good until the next rotation. */
  #replaced: Login | undefined;
  #refreshing: Promise<Login> | undefined;

  private constructor(arn: string, fetch: () => Promise<Login>, login: Login) {
    this.#arn = arn;
    this.#fetch = fetch;
    this.#user = login.user;
    this.#keep(login, KEPT_MS);
  }

  static async open(arn: string, fetch: () => Promise<Login>): Promise<SecretCredentials> {
    return new SecretCredentials(arn, fetch, await fetch());
  }

  get user(): string {
    return this.#user;
  }

  async password(user: string): Promise<string> {
    const current = await this.#current();
    const login = [current, this.#replaced].find((known) => known?.user === user);
    if (login !== undefined) return login.password;
    throw new StorageUnavailableError(
      `The secret ${this.#arn} has changed from the user ${user} to ${current.user} while a connection was made. Connect again.`,
    );
  }

  forget(): void {
    this.#kept = undefined;
    this.#replaced = undefined;
    // A fetch under way may have begun before the rotation.
    this.#refreshing = undefined;
  }

  #current(): Promise<Login> {
    // By the clock on the wall: a frozen Lambda function's own stands still.
    if (this.#kept !== undefined && Date.now() < this.#kept.until) return Promise.resolve(this.#kept.login);
    this.#refreshing ??= this.#refresh();
    return this.#refreshing;
  }

  #refresh(): Promise<Login> {
    const before = this.#kept;
    const refreshing = this.#fetch()
      .then((login) => ({ login, ms: KEPT_MS }))
      .catch((error: unknown) => {
        if (before === undefined) throw error;
        return { login: before.login, ms: RETRY_MS };
      })
      .then(({ login, ms }) => {
        if (this.#refreshing === refreshing) this.#keep(login, ms);
        return login;
      })
      .finally(() => {
        if (this.#refreshing === refreshing) this.#refreshing = undefined;
      });
    return refreshing;
  }

  #keep(login: Login, ms: number): void {
    const before = this.#kept?.login;
    if (before?.user !== login.user) this.#replaced = before;
    this.#kept = { login, until: Date.now() + ms };
    this.#user = login.user;
  }
}
