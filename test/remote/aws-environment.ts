/** Runs tests as on a machine with only these AWS settings. */
import { devNull } from 'node:os';

const none = {
  AWS_CONFIG_FILE: devNull,
  AWS_SHARED_CREDENTIALS_FILE: devNull,
  AWS_EC2_METADATA_DISABLED: 'true',
} as const;

/** Sets the environment while `work` runs. The SDK reads its settings only from there. */
export async function withEnvironment<T>(
  settings: Readonly<Record<string, string>>,
  work: () => Promise<T>,
): Promise<T> {
  const before = { ...process.env };
  for (const name of Object.keys(before)) if (name.startsWith('AWS_')) delete process.env[name];
  Object.assign(process.env, none, settings);
  try {
    return await work();
  } finally {
    for (const name of Object.keys({ ...none, ...settings })) delete process.env[name];
    Object.assign(process.env, before);
  }
}
