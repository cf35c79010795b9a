/** Warnings to the operator about files that other programs have changed. */

export const editedInUse = (file: string, copy: string): string =>
  `${file} was changed by another program while the store was in use. The store keeps its own content; the changed file ` +
  `is kept as ${copy}.`;

export const editedAtRest = (file: string): string =>
  `${file} was edited or replaced by another program while nothing waited in the journal. Its new content is used.`;

export const tornTail = (journal: string, bytes: number, copy: string): string =>
  `${journal} ended in ${bytes} bytes of a save that was cut off and never acknowledged. They are kept in ${copy}.`;
