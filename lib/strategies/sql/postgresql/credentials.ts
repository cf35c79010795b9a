/** Who connects to PostgreSQL, and with which password. */
export interface Credentials {
  /** The user of the next connection. */
  readonly user: string;
  readonly passwordMayChange: boolean;
  /** The password of a user that `user` named. Asked only where the server wants one. */
  password(user: string): Promise<string>;
  /** Forgets a password that was refused. */
  forget(): void;
}
