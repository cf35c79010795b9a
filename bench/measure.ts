/** Times alternatives in turns, so that other load on the machine affects all of them alike. */

export interface Alternative {
  readonly name: string;
  /** Does the work once. */
  run(): Promise<unknown> | unknown;
}

const median = (times: number[]): number => times.toSorted((a, b) => a - b)[times.length >> 1] as number;

/** Microseconds since some moment. */
export type Clock = () => number;

export const wallTime: Clock = () => performance.now() * 1000;

/** Processor time of all threads of this process, including compilation and garbage collection. */
export const processorTime: Clock = () => {
  const { user, system } = process.cpuUsage();
  return user + system;
};

/**
 * Median time of each alternative, in microseconds.
 * @param rounds number of turns of each alternative
 * @param perTurn runs in one turn, which are timed together
 */
export async function compare(
  alternatives: readonly Alternative[],
  rounds: number,
  perTurn: number,
  clock: Clock = wallTime,
): Promise<number[]> {
  const times: number[][] = alternatives.map(() => []);
  // The first rounds warm up the compiler and the page cache, and do not count.
  for (let round = -Math.ceil(rounds / 5); round < rounds; round++) {
    const inTurn = [...alternatives.entries()];
    // Each follows each of the others equally often, so that left-overs such as garbage cost all alike.
    for (const [i, alternative] of round % 2 === 0 ? inTurn : inTurn.toReversed()) {
      const start = clock();
      for (let run = 0; run < perTurn; run++) await alternative.run();
      if (round >= 0) times[i]?.push((clock() - start) / perTurn);
    }
  }
  return times.map(median);
}

export interface Result {
  readonly what: string;
  readonly ours: number;
  readonly baseline: number;
  readonly baselineName: string;
  /** Maximum ratio to the baseline. */
  readonly target: number;
  /** Unit of both values; default: microseconds. */
  readonly unit?: 'MB';
}

/**
 * The runs with the median ratios. A connection is about twice as fast if the system happens to run its server process
 * on the same core as this one: so each run has new connections, and no run decides.
 */
export function medianRuns(runs: readonly Result[][]): Result[] {
  const [first = []] = runs;
  return first.map((_, i) => {
    const same = runs.map((results) => results[i] as Result);
    return same.toSorted((a, b) => a.ours / a.baseline - b.ours / b.baseline)[same.length >> 1] as Result;
  });
}

const inUnit = (value: number, unit?: 'MB'): string =>
  unit === undefined ? microseconds(value) : `${value.toFixed(0)} ${unit}`;

const microseconds = (value: number): string =>
  value >= 10_000 ? `${(value / 1000).toFixed(1)} ms` : `${value.toFixed(1)} us`;

/** Prints the results and returns whether every target was met. */
export function report(results: readonly Result[]): boolean {
  const rows = results.map(({ what, ours, baseline, baselineName, target, unit }) => {
    const ratio = ours / baseline;
    return {
      measured: what,
      ours: inUnit(ours, unit),
      'compared with': baselineName,
      theirs: inUnit(baseline, unit),
      ratio: ratio.toFixed(3),
      'at most': target.toFixed(2),
      met: ratio <= target ? 'yes' : 'NO',
    };
  });
  console.table(rows);
  return rows.every(({ met }) => met === 'yes');
}
