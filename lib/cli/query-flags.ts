/** The flags of `query` and `count` as the HTTP API's query parameters, which one function reads for both. */
import { ValidationError } from '../repository/errors.ts';
import { UsageError } from './failures.ts';
import { splitAssignment } from './field-values.ts';

/**
 * Query parameters of `--filter` options and of the flags that are parameters of their own.
 * @param flags by the name of the parameter
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

/** What a query or count cannot use came from the command line: it is wrong usage. */
export function asUsage<T>(read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof ValidationError) throw new UsageError(error.message, { cause: error });
    throw error;
  }
}
