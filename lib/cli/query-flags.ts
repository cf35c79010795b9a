/** Converts the flags of `query` and `count` to the HTTP API's query parameters, so that both share one parser. */
import { ValidationError } from '../repository/errors.ts';
import { UsageError } from './failures.ts';
import { splitAssignment } from './field-values.ts';

/**
 * Query parameters for the `--filter` options and the other flags.
 * @param flags by the name of their parameter
 */
export function parametersOf(
  filters: readonly string[],
  flags: Readonly<Record<string, string | number | undefined>>,
): ReadonlyMap<string, readonly string[]> {
  const parameters = new Map<string, string[]>();
  for (const filter of filters) {
    const [name, value] = splitAssignment('--filter', filter);
    if (Object.hasOwn(flags, name)) throw new UsageError(`--filter ${filter}: ${name} is not a field.`);
    parameters.set(name, [...(parameters.get(name) ?? []), value]);
  }
  for (const [name, value] of Object.entries(flags)) if (value !== undefined) parameters.set(name, [String(value)]);
  return parameters;
}

/** Turns validation errors of a query or count into usage errors, since the values come from the command line. */
export function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ValidationError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
