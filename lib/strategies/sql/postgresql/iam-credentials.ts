import type { Signer } from '@aws-sdk/rds-signer';
import { portOf } from '../../../config/postgresql-access.ts';
import type { SqlStrategyConfig } from '../../../config/sql-strategy.ts';
import { awsFailure } from './aws-failures.ts';
import type { Credentials } from './credentials.ts';

// In China the two parts occur in either order: cn-north-1.rds.amazonaws.com.cn and rds.cn-north-1.amazonaws.com.cn.
const RDS_HOST = /\.(?:([a-z0-9-]+)\.rds|rds\.([a-z0-9-]+))\.amazonaws\.com(?:\.cn)?$/;

/** The region in the host name of an RDS instance, cluster or proxy; undefined for another host. */
export function regionOfRdsHost(host: string): string | undefined {
  const [, usual, china] = RDS_HOST.exec(host) ?? [];
  return usual ?? china;
}

/** Tokens that Amazon RDS accepts as a password. They are generated locally, without a call to RDS, and valid for 15 minutes. */
export class IamCredentials implements Credentials {
  readonly user: string;
  readonly passwordMayChange = true;
  readonly #config: SqlStrategyConfig;
  /** Kept because it keeps the AWS credentials, until they expire. */
  #signer: Signer | undefined;

  constructor(config: SqlStrategyConfig) {
    this.user = config.username as string;
    this.#config = config;
  }

  async password(): Promise<string> {
    try {
      this.#signer ??= await this.#newSigner();
      return await this.#signer.getAuthToken();
    } catch (error) {
      throw awsFailure(error, `create an IAM token for the database at ${this.#config.host}`);
    }
  }

  forget(): void {
    this.#signer = undefined;
  }

  async #newSigner(): Promise<Signer> {
    const { Signer } = await import('@aws-sdk/rds-signer');
    const { host, region = regionOfRdsHost(host) } = this.#config;
    return new Signer({
      hostname: host,
      port: portOf(this.#config),
      username: this.user,
      ...(region === undefined ? {} : { region }),
    });
  }
}
