import { closest, distance } from 'fastest-levenshtein';

/** The candidate that a mistyped name was probably meant to be, or undefined if none is close. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const typed = name.toLowerCase();
  const lowered = candidates.map((candidate) => candidate.toLowerCase());
  const found = closest(typed, lowered);
  // One typo in three letters: `sync_write` means `sync_writes`, while `color` means nothing here.
  return distance(typed, found) <= Math.ceil(typed.length / 3) ? candidates[lowered.indexOf(found)] : undefined;
}
