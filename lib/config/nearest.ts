import { closest, distance } from 'fastest-levenshtein';

/** The candidate that a mistyped name was likely meant to be, or undefined where none is near. */
export function nearest(name: string, candidates: readonly string[]): string | undefined {
  if (candidates.length === 0) return undefined;
  const typed = name.toLowerCase();
  const lowered = candidates.map((candidate) => candidate.toLowerCase());
  const found = closest(typed, lowered);
  // One slip in three letters: `sync_write` means `sync_writes`, while `color` means nothing here.
  return distance(typed, found) <= Math.ceil(typed.length / 3) ? candidates[lowered.indexOf(found)] : undefined;
}
