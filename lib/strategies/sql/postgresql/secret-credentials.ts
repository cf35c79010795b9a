import { StorageUnavailableError } from '../../../repository/errors.ts';
import type { Credentials } from './credentials.ts';
import type { Login } from './secret.ts';

const KEPT_MS = 5 * 60_000;
/** How long the last login stays in use after a failed attempt to refresh it. */
const RETRY_MS = 30_000;

/** The login in a secret. A rotation may replace its password, and also its user, at any time. */
export class SecretCredentials implements Credentials {
  readonly passwordMayChange = true;
  readonly #arn: string;
  readonly #fetch: () => Promise<Login>;
  #user: string;
  #kept: { readonly login: Login; readonly until: number } | undefined;
  /** If rotations alternate between two users, the previous one stays valid until the next rotation. */
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
    // Wall-clock time: the monotonic clock of a frozen Lambda function stops.
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
