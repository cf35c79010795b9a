/** The user that connects to PostgreSQL, and the password. */
export interface Credentials {
  /** The user of the next connection. */
  readonly user: string;
  readonly passwordMayChange: boolean;
  /** The password of a user that `user` returned. Called only if the server asks for one. */
  password(user: string): Promise<string>;
  /** Forgets a password that was refused. */
  forget(): void;
}
