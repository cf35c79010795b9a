/** What the store tells its operator about files that are not as it left them. */

export const editedInUse = (file: string, aside: string): string =>
  `${file} was changed by another program while the store was in use. The store keeps its own content; the changed file ` +
  `is kept as ${aside}.`;

export const editedAtRest = (file: string): string =>
  `${file} is not as the store left it: it was edited or replaced while nothing waited in the journal. What it holds now ` +
  'counts.';

export const tornTail = (journal: string, bytes: number, aside: string): string =>
  `${journal} ended in ${bytes} bytes of a save that was cut off and never acknowledged. They are kept in ${aside}.`;
